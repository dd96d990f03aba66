/* io_uring forbidden in each way that filters do it: said by the doctor, and survived. */
/* SPDX-License-Identifier: MIT */
#include "proa.h"
#include "proa/doctor.h"

#include "test.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* In a child: this system call fails with `error` from now on. */
static void forbid(long call, int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), /* offsetof(struct seccomp_data, nr) */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = 4, .filter = code};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(77);
}

static void refused_child(long call, int error, const char *says)
{
	proa_doctor_report report = {.size = sizeof report};
	proa_loop_options by_name = {.backend = "io_uring"};
	proa_loop *loop;
	bool said = false;

	forbid(call, error);
	unsetenv("PROA_BACKEND");
	if (proa_loop_open(&loop, &by_name) != -PROA_ENOTSUP)
		_exit(1);
	if (proa_loop_open(&loop, NULL) != 0 || !strcmp(proa_loop_backend(loop), "io_uring"))
		_exit(2);
	proa_loop_close(&loop, 0);
	proa_doctor(&report);
	for (unsigned i = 0; i < report.backends; i++) {
		said |= !strcmp(report.backend[i].name, "io_uring") && !report.backend[i].works &&
		        strstr(report.backend[i].why, says);
	}
	_exit(said ? 0 : 3);
}

static int refused(long call, int error, const char *says)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		refused_child(call, error, says);
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(uring_refused_is_said_and_survived)
{
	int first = refused(SYS_io_uring_setup, EPERM, "EPERM");

	if (first == 77)
		SKIP("seccomp cannot be used here");
	CHECK_EQ(first, 0);
	CHECK_EQ(refused(SYS_io_uring_setup, ENOSYS, "ENOSYS"), 0);
	CHECK_EQ(refused(SYS_io_uring_enter, EPERM, "io_uring_enter"), 0);
	CHECK_EQ(refused(SYS_io_uring_register, EPERM, "probed"), 0);
	CHECK_EQ(refused(SYS_io_uring_setup, EINVAL, "io_uring_setup"), 0);
}
