/* The machine: its name, its processors, its limits, and whether Windows is Wine. */
/* SPDX-License-Identifier: MIT */
#include "win.h"

#include <stdio.h>

px_win_any_fn *px_win_find(const wchar_t *module, const char *name)
{
	HMODULE m = GetModuleHandleW(module);

	return m ? (px_win_any_fn *)GetProcAddress(m, name) : NULL;
}

typedef const char *wine_version_fn(void);

static const char *wine_version(void)
{
	wine_version_fn *fn = (wine_version_fn *)px_win_find(L"ntdll.dll", "wine_get_version");

	return fn ? fn() : NULL;
}

bool px_win_is_wine(void)
{
	static _Atomic int known; /* 1 no, 2 yes */

	if (!known)
		known = wine_version() ? 2 : 1;
	return known == 2;
}

bool px_win_stay(void)
{
	static const char here;
	HMODULE self;

	return GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN |
	                                  GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
	                          (const wchar_t *)(const void *)&here, &self);
}

bool px_win_is_server(void)
{
	OSVERSIONINFOEXW wanted = {.dwOSVersionInfoSize = sizeof wanted,
	                           .wProductType = VER_NT_WORKSTATION};
	DWORDLONG same = VerSetConditionMask(0, VER_PRODUCT_TYPE, VER_EQUAL);

	return !VerifyVersionInfoW(&wanted, VER_PRODUCT_TYPE, same);
}

/* What the process may use. A process on several groups of processors has no mask of its own. */
unsigned px_os_sys_cpus(void)
{
	DWORD_PTR own = 0, all;
	DWORD n;

	GetProcessAffinityMask(GetCurrentProcess(), &own, &all);
	if (own)
		return (unsigned)__builtin_popcountll(own);
	n = GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
	return n ? n : 1;
}

typedef LONG NTAPI version_fn(OSVERSIONINFOW *);

static const char *machine_name(void)
{
	SYSTEM_INFO info;

	GetNativeSystemInfo(&info);
	switch (info.wProcessorArchitecture) {
	case PROCESSOR_ARCHITECTURE_AMD64: return "x86_64";
	case PROCESSOR_ARCHITECTURE_ARM64: return "aarch64";
	default: return "unknown";
	}
}

/* RtlGetVersion, because GetVersionEx tells a program only what it was written for. */
int px_sys_name(char *out, size_t size)
{
	version_fn *version = (version_fn *)px_win_find(L"ntdll.dll", "RtlGetVersion");
	OSVERSIONINFOW v = {.dwOSVersionInfoSize = sizeof v};
	const char *wine = wine_version();

	if (version)
		version(&v);
	return snprintf(out, size, "Windows %lu.%lu.%lu %s%s%s%s", v.dwMajorVersion,
	                v.dwMinorVersion, v.dwBuildNumber, machine_name(), wine ? " (Wine " : "",
	                wine ? wine : "", wine ? ")" : "");
}

/* Memory is the limit. */
int64_t px_sys_limit_files(void)
{
	return -1;
}

int64_t px_sys_limit_memlock(void)
{
	return -1;
}
