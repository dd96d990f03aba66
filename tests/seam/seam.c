/* The rule, the counters, and the account of the library's descriptors. */
/* SPDX-License-Identifier: MIT */
#include "seam/seam.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FDS = 65536 };

static const struct {
	const char *name, *can;
} calls[SEAM_CALL_COUNT] = {
#define CALL_TEXT(name, can) [SEAM_##name] = {#name, can},
	SEAM_CALLS(CALL_TEXT)
#undef CALL_TEXT
};

static const struct {
	const char *name;
	int value;
} words[] = {
/* clang-format off */
#define WORD(name) {#name, name}
	/* clang-format on */
	WORD(EINTR),          WORD(EAGAIN),       WORD(ECANCELED),   WORD(EMFILE),
	WORD(ENFILE),         WORD(ENOBUFS),      WORD(ENOMEM),      WORD(EADDRINUSE),
	WORD(EACCES),         WORD(ECONNABORTED), WORD(EPROTO),      WORD(EPERM),
	WORD(ENETDOWN),       WORD(EHOSTDOWN),    WORD(ENONET),      WORD(ETIMEDOUT),
	WORD(EINVAL),         WORD(ECONNREFUSED), WORD(ENETUNREACH), WORD(EADDRNOTAVAIL),
	WORD(ECONNRESET),     WORD(EPIPE),        WORD(ENOSYS),      WORD(EIO),
	WORD(ENOTCONN),       WORD(ENOSPC),       WORD(EDQUOT),      WORD(EFBIG),
	WORD(EXDEV),          WORD(ENOENT),       WORD(EBUSY),       WORD(EALREADY),
	WORD(EAI_AGAIN),      WORD(EAI_MEMORY),   WORD(EAI_FAIL),    WORD(EHOSTUNREACH),
	WORD(ENOPROTOOPT),    WORD(EOPNOTSUPP),   WORD(ENOEXEC),     WORD(ETXTBSY),
	WORD(E2BIG),          WORD(ECHILD),
#undef WORD
#define SEAM_WORD(name) {#name, SEAM_W_##name##_},
	SEAM_WORDS(SEAM_WORD)
#undef SEAM_WORD
};

static struct {
	int call; /* -1: none */
	long first, times;
	int what;
	bool benign;
	long permille; /* of any call; 0: the rule is of one */
} rule = {.call = -1, .benign = true};

static seam_account own_account;
seam_account *seam_now = &own_account;
bool seam_armed, seam_says;
int seam_waiting;
_Thread_local int seam_held;
_Thread_local bool seam_in_child;

const char *seam_call_name(seam_call call)
{
	return calls[call].name;
}

/* ---- the rule ---- */

static bool word_read(const char *text, int *what)
{
	int after = 0;

	if (!strncmp(text, "after_", 6)) {
		after = SEAM_AFTER;
		text += 6;
	}
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (strcmp(words[i].name, text) != 0)
			continue;
		*what = words[i].value | after;
		return true;
	}
	return false;
}

/* Whether the contract says that this reaches nobody. What is not in the table is not known to. */
static bool is_benign(seam_call call, const char *what)
{
	const char *bar = strchr(calls[call].can, '|'), *at = strstr(calls[call].can, what);
	size_t n = strlen(what);

	for (; at; at = strstr(at + 1, what)) {
		bool word = (at == calls[call].can || at[-1] == ' ') && (!at[n] || at[n] == ' ');

		if (word)
			return !bar || at < bar;
	}
	return false;
}

static bool times_read(const char *text)
{
	rule.times = !text ? 1 : !strcmp(text, "ever") ? LONG_MAX : strtol(text, NULL, 10);
	return rule.times > 0;
}

/* ---- any call, at random ---- */

enum { QUIET_MAX = 16 };
static struct {
	int n, what[QUIET_MAX];
} quiet[SEAM_CALL_COUNT];

/* Sends are left in peace: late or short ones make a race of whether a cancel tears them. */
static bool takes_time(seam_call call, const char *word)
{
	static const char *const wants[] = {"EMFILE", "ENFILE", "ENOMEM"};
	bool sends = strstr(calls[call].name, "send") != NULL;

	for (size_t i = 0; i < sizeof wants / sizeof *wants; i++)
		if (!strcmp(word, wants[i]))
			return true;
	return sends;
}

static void quiet_collect(int call)
{
	char copy[256], *rest = copy, *word;
	bool loud = false, accepts = strstr(calls[call].name, "accept") != NULL;
	int what;

	snprintf(copy, sizeof copy, "%s", calls[call].can);
	quiet[call].n = 0;
	while ((word = strsep(&rest, " "))) {
		bool short_ = !strcmp(word, "short"), no_room = accepts && !strcmp(word, "ENOBUFS");

		loud |= !strcmp(word, "|");
		if ((!loud || short_) && !no_room && !takes_time((seam_call)call, word) &&
		    word_read(word, &what))
			quiet[call].what[quiet[call].n++] = what;
	}
}

static uint64_t mixed(uint64_t x)
{
	x = (x ^ x >> 31) * UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 27) * UINT64_C(0xbf58476d1ce4e5b9);
	return x ^ x >> 32;
}

static const char *word_of(int what)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (words[i].value == (what > 0 ? what & ~SEAM_AFTER : what))
			return words[i].name;
	return "?";
}

static int any_hit(seam_call call, long n)
{
	int what;
	uint64_t x = mixed(((uint64_t)rule.first << 40) + ((uint64_t)call << 32) + (uint64_t)n);

	if (!quiet[call].n || (long)(x % 1000) >= rule.permille)
		return SEAM_PASS;
	__atomic_add_fetch(&seam_now->hits, 1, __ATOMIC_RELAXED);
	what = quiet[call].what[(x >> 16) % (unsigned)quiet[call].n];
	if (seam_says)
		fprintf(stderr, "%s:%ld:%s\n", calls[call].name, n, word_of(what));
	return what;
}

static const char *any_set(const char *seed, const char *permille)
{
	for (int i = 0; i < SEAM_CALL_COUNT; i++)
		quiet_collect(i);
	rule.first = strtol(seed, NULL, 10);
	rule.permille = strtol(permille, NULL, 10);
	return rule.permille > 0 && rule.permille < 1000 ? NULL : "PERMILLE is 1 to 999";
}

const char *seam_rule_set(const char *text)
{
	char copy[128], *part[4] = {NULL}, *rest = copy;
	size_t n = 0;

	rule.call = -1;
	rule.benign = true;
	rule.permille = 0;
	if (!*text)
		return NULL;
	snprintf(copy, sizeof copy, "%s", text);
	while (n < 4 && (part[n] = strsep(&rest, ":")))
		n++;
	if (n < 3)
		return "a rule is CALL:K:WHAT[:TIMES]";
	if (!strcmp(part[0], "any"))
		return any_set(part[1], part[2]);
	for (int i = 0; i < SEAM_CALL_COUNT; i++)
		if (!strcmp(calls[i].name, part[0]))
			rule.call = i;
	if (rule.call < 0)
		return "no such call";
	rule.first = strtol(part[1], NULL, 10);
	if (rule.first < 1 || !word_read(part[2], &rule.what) || !times_read(part[3]))
		return "K is a number from 1 on; WHAT an error's name or a word; TIMES a number";
	rule.benign = is_benign((seam_call)rule.call, part[2]);
	return NULL;
}

bool seam_rule_benign(void)
{
	return rule.benign;
}

int seam_hit(seam_call call)
{
	long n;

	if (!seam_armed)
		return SEAM_PASS;
	n = __atomic_add_fetch(&seam_now->calls[call], 1, __ATOMIC_RELAXED);
	if (rule.permille)
		return any_hit(call, n);
	if ((int)call != rule.call || n < rule.first || n - rule.first >= rule.times)
		return SEAM_PASS;
	__atomic_add_fetch(&seam_now->hits, 1, __ATOMIC_RELAXED);
	return rule.what;
}

void seam_table_print(void)
{
	for (int i = 0; i < SEAM_CALL_COUNT; i++)
		printf("call %s %s\n", calls[i].name, calls[i].can);
}

/* ---- descriptors ---- */

static char owned[FDS];

int seam_opened(int fd)
{
	if (fd >= 0 && fd < FDS && !seam_in_child)
		__atomic_store_n(&owned[fd], 1, __ATOMIC_RELAXED);
	return fd;
}

void seam_closed(int fd)
{
	if (fd >= 0 && fd < FDS)
		__atomic_store_n(&owned[fd], 0, __ATOMIC_RELAXED);
}

void seam_given(int fd)
{
	seam_closed(fd);
}

int seam_leaked(char *text, size_t bytes)
{
	size_t at = 0;
	int n = 0;

	*text = 0;
	for (int fd = 0; fd < FDS; fd++) {
		if (!owned[fd])
			continue;
		n++;
		if (at + 16 < bytes)
			at += (size_t)snprintf(text + at, bytes - at, " %d", fd);
	}
	return n;
}
