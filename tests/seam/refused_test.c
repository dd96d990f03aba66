/* io_uring refused in each way that a machine refuses it, for real: said, and survived. */
/* SPDX-License-Identifier: MIT */
#include "seam/echo.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CANNOT = 77, NOBODY = 65534 };

/* ---- in a child: something is forbidden from now on; CANNOT if that cannot be had ---- */

typedef struct refusal {
	long call;  /* number of a system call; 0: none is filtered */
	int opcode; /* only with this second argument; -1: with any */
	int error;
	bool nobody;  /* without privileges */
	bool memlock; /* nor memory that may be locked */
} refusal;

static bool filter_load(const refusal *r)
{
	bool any = r->opcode < 0;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)r->call, 0, any ? 1 : 3),
		BPF_STMT(any ? BPF_RET | BPF_K : BPF_LD | BPF_W | BPF_ABS,
	                 any ? SECCOMP_RET_ERRNO | (uint32_t)r->error
	                     : (uint32_t)offsetof(struct seccomp_data, args[1])),
		any ? (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
		    : (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)r->opcode,
	                                           0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)r->error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static bool refusal_begin(const refusal *r)
{
	struct rlimit none = {0, 0};

	if (r->memlock && setrlimit(RLIMIT_MEMLOCK, &none))
		return false;
	if (r->nobody && (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
	                  setresuid(NOBODY, NOBODY, NOBODY)))
		return false;
	return !r->call || filter_load(r);
}

/* ---- what must be so then ---- */

typedef int outcome(const char *says);

/* 0, or the number of what was not so. `says`: what stands in the doctor's line. */
static int refused_as(int error, const char *says)
{
	proa_loop_options by_name = {.backend = "io_uring"};
	proa_loop *loop;

	if (proa_loop_open(&loop, &by_name) != error)
		return 1;
	if (proa_loop_open(&loop, NULL) != 0 || strcmp(proa_loop_backend(loop), "io_uring") == 0)
		return 2;
	if (!echo_works(loop))
		return 3;
	proa_loop_close(&loop, 0);
	return doctor_says("io_uring", false, says) ? 0 : 4;
}

static int is_refused(const char *says)
{
	return refused_as(-PROA_ENOTSUP, says);
}

/* Want of memory is said as what it is. */
static int is_starved(const char *says)
{
	return refused_as(-PROA_ENOMEM, says);
}

/* What is refused is not needed: io_uring does without. */
static int is_done_without(const char *says)
{
	proa_loop_options by_name = {.backend = "io_uring"};
	proa_loop *loop;

	if (proa_loop_open(&loop, &by_name) != 0)
		return 1;
	if (!echo_works(loop))
		return 3;
	proa_loop_close(&loop, 0);
	return doctor_says("io_uring", true, says) ? 0 : 4;
}

static int in_child(const refusal *r, outcome *must, const char *says)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		unsetenv("PROA_BACKEND");
		_exit(refusal_begin(r) ? must(says) : CANNOT);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- seccomp ---- */

TEST(uring_refused_is_said_and_survived)
{
	static const struct {
		refusal what;
		const char *says;
	} cases[] = {
		{{SYS_io_uring_setup, -1, EPERM, false, false}, "EPERM"},
		{{SYS_io_uring_setup, -1, EACCES, false, false}, "EACCES"},
		{{SYS_io_uring_setup, -1, ENOSYS, false, false}, "ENOSYS"},
		{{SYS_io_uring_setup, -1, EINVAL, false, false}, "io_uring_setup"},
		{{SYS_io_uring_enter, -1, EPERM, false, false}, "io_uring_enter"},
		{{SYS_io_uring_enter, -1, ENOSYS, false, false}, "io_uring_enter"},
		{{SYS_io_uring_register, -1, EPERM, false, false}, "probed"},
		{{SYS_io_uring_register, -1, ENOSYS, false, false}, "probed"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int status = in_child(&cases[i].what, is_refused, cases[i].says);

		if (status == CANNOT)
			SKIP("seccomp cannot be used here");
		if (!CHECK_EQ(status, 0))
			test_note("call %ld, error %d", cases[i].what.call, cases[i].what.error);
	}
}

/* A filter that sees which registration it is: the ring does without it, or is refused. */
TEST(uring_registrations_refused_one_by_one)
{
	enum { PROBE = 8, ENABLE_RINGS = 12, LAST = 35 };
	refusal r = {SYS_io_uring_register, 0, EPERM, false, false};

	for (r.opcode = 0; r.opcode <= LAST; r.opcode++) {
		bool needed = r.opcode == PROBE || r.opcode == ENABLE_RINGS;
		int status = in_child(&r, needed ? is_refused : is_done_without, "");

		if (status == CANNOT)
			SKIP("seccomp cannot be used here");
		if (!CHECK_EQ(status, 0))
			test_note("opcode %d", r.opcode);
	}
}

/* ---- limits and privileges ---- */

TEST(uring_without_memory_that_may_be_locked)
{
	refusal r = {.nobody = geteuid() == 0, .memlock = true};
	int status = in_child(&r, is_starved, "RLIMIT_MEMLOCK");

	if (status == 1) /* a kernel that does not count rings against the limit */
		status = in_child(&r, is_done_without, "");
	CHECK_EQ(status, 0);
}

/* ---- the sysctl ---- */

static const char sysctl_path[] = "/proc/sys/kernel/io_uring_disabled";

static bool sysctl_write(char value)
{
	int fd = open(sysctl_path, O_WRONLY | O_CLOEXEC);
	bool written = fd >= 0 && write(fd, &value, 1) == 1;

	if (fd >= 0)
		close(fd);
	return written;
}

static char sysctl_read(void)
{
	char value = 0;
	int fd = open(sysctl_path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && read(fd, &value, 1) != 1)
		value = 0;
	if (fd >= 0)
		close(fd);
	return value;
}

/* Puts `value` back once this process is gone, however it goes; by a process of its own, which the
 * end of a pipe tells. */
static pid_t guard_start(char value, int pipe_ends[2])
{
	pid_t guard;
	char byte;

	if (pipe(pipe_ends))
		return -1;
	if ((guard = fork()) == 0) {
		setsid();
		close(pipe_ends[1]);
		while (read(pipe_ends[0], &byte, 1) < 0 && errno == EINTR) {
			/* not the end yet */
		}
		_exit(sysctl_write(value) ? 0 : 1);
	}
	close(pipe_ends[0]);
	return guard;
}

/* With the sysctl so, for as long as it takes; what the child said, or CANNOT. */
static int with_sysctl(char value, const refusal *r, const char *says)
{
	char before = sysctl_read();
	int pipe_ends[2], status = CANNOT, guarded = -1;
	pid_t guard = guard_start(before, pipe_ends);

	if (guard < 0)
		return CANNOT;
	if (sysctl_write(value))
		status = in_child(r, is_refused, says);
	close(pipe_ends[1]);
	waitpid(guard, &guarded, 0);
	CHECK_EQ(guarded, 0);
	CHECK_EQ(sysctl_read(), before);
	return status;
}

TEST(uring_forbidden_by_the_sysctl)
{
	refusal nobody = {.nobody = true}, root = {0};

	if (!sysctl_read())
		SKIP("this kernel has no sysctl kernel.io_uring_disabled (6.6)");
	if (geteuid() != 0 || access(sysctl_path, W_OK))
		SKIP("the sysctl kernel.io_uring_disabled may not be written here");
	CHECK_EQ(with_sysctl('1', &nobody, "kernel.io_uring_disabled = 1"), 0);
	CHECK_EQ(with_sysctl('2', &root, "kernel.io_uring_disabled = 2"), 0);
}
