/* Child processes: what happens between the fork and the program, and its end. */
/* SPDX-License-Identifier: MIT */
#include "child.h"
#include "posix.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

char *const *px_sys_environ(void)
{
	return environ;
}

enum { PATH_BYTES = 4096, FAILED_STATUS = 127 };

/* ---- in the child ----
 *
 * Its memory may be the parent's, one of whose threads waits meanwhile: so nothing here allocates,
 * takes a lock or writes to what it was given, and all of it may be called behind a fork. */

typedef struct start {
	const px_spawn *spawn;
	int report; /* where an error goes; closed by a program that runs */
} start;

static _Noreturn void child_fails(int report, int error)
{
	while (write(report, &error, sizeof error) < 0 && errno == EINTR) {
		/* not written: again */
	}
	_exit(FAILED_STATUS);
}

/* What was ignored would stay so in the program, and what was blocked too. */
static void signals_reset(void)
{
	struct sigaction plain = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int signo = 1; signo < NSIG; signo++)
		sigaction(signo, &plain, NULL); /* of those that may not, it says so */
	sigemptyset(&none);
	pthread_sigmask(SIG_SETMASK, &none, NULL);
}

static int session_enter(const px_spawn *s)
{
	if (s->flags & PX_SPAWN_SESSION)
		return setsid() < 0 ? -1 : 0;
	return s->flags & PX_SPAWN_GROUP ? setpgid(0, 0) : 0;
}

/* A copy out of the way of what the program gets. */
static int fd_aside(int fd, unsigned n)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, (int)n);
}

static int fds_aside(const px_spawn *s, int *from, int *report)
{
	if (*report < (int)s->n && (*report = fd_aside(*report, s->n)) < 0)
		return -1;
	for (unsigned i = 0; i < s->n; i++) {
		from[i] = s->fds[i] >= 0 ? s->fds[i] : open("/dev/null", O_RDWR | O_CLOEXEC);
		if (from[i] < 0)
			return -1;
		if (from[i] < (int)s->n && from[i] != (int)i &&
		    (from[i] = fd_aside(from[i], s->n)) < 0)
			return -1;
	}
	return 0;
}

static int fds_place(const px_spawn *s, int *report)
{
	int from[PX_STDIO_MAX];

	if (fds_aside(s, from, report))
		return -1;
	for (int i = 0; i < (int)s->n; i++)
		if (from[i] == i ? fcntl(i, F_SETFD, 0) : dup2(from[i], i) < 0)
			return -1;
	px_child_cloexec_from((int)s->n);
	return 0;
}

/* Each folder of PATH in turn. An error of one that is there is told rather than that others have
 * nothing. */
static int exec_search(const px_spawn *s)
{
	char path[PATH_BYTES];
	int error = ENOENT;

	for (const char *at = s->path; at; at = *at ? at + 1 : NULL) {
		size_t n = strcspn(at, ":");
		int len = snprintf(path, sizeof path, "%.*s%s%s", (int)n, at, n ? "/" : "",
		                   s->file);

		at += n;
		if (len >= (int)sizeof path)
			continue;
		execve(path, s->argv, s->env);
		if (errno == EACCES)
			error = errno;
		else if (errno != ENOENT && errno != ENOTDIR)
			return errno;
	}
	return error;
}

static int child_exec(const px_spawn *s)
{
	if (!*s->file)
		return ENOENT; /* not each folder of PATH itself */
	if (!strchr(s->file, '/'))
		return exec_search(s);
	execve(s->file, s->argv, s->env);
	return errno;
}

static int child_run(void *arg)
{
	const start *st = arg;
	const px_spawn *s = st->spawn;
	int report = st->report;

	signals_reset();
	if (session_enter(s) || fds_place(s, &report) || (s->folder && chdir(s->folder)) ||
	    px_child_identity(s))
		child_fails(report, errno);
	child_fails(report, child_exec(s));
}

/* ---- in the parent ---- */

void px_child_bury(int64_t pid, int watch)
{
	PX_UNUSED(watch);
	while (waitpid((pid_t)pid, NULL, 0) < 0 && errno == EINTR) {
		/* still there */
	}
}

/* 0: the program runs; else why not. */
static int report_read(int report)
{
	int error = 0;
	ssize_t n;

	do
		n = read(report, &error, sizeof error);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof error ? error : 0;
}

/* 0, or an errno. */
static int child_start(const px_spawn *s, int64_t *pid)
{
	start st = {.spawn = s};
	int report[2], error;

	if (px_pipe_new(report))
		return errno;
	st.report = report[1];
	*pid = px_child_fork(child_run, &st);
	error = *pid < 0 ? errno : 0;
	close(report[1]);
	if (!error && (error = report_read(report[0])))
		px_child_bury(*pid, -1);
	close(report[0]);
	return error;
}

int64_t px_child_spawn(const px_spawn *s, int *watch, int32_t *sys_error)
{
	int64_t pid = -1;

	px_assert(s->n <= PX_STDIO_MAX);
	*sys_error = child_start(s, &pid);
	if (!*sys_error && (*watch = px_child_watch(pid)) < 0) {
		*sys_error = errno;
		kill((pid_t)pid, SIGKILL);
		px_child_bury(pid, -1);
	}
	return *sys_error ? px_sys_error(*sys_error) : pid;
}

int64_t px_child_reap(int64_t pid, int watch, int *signo, int32_t *sys_error)
{
	int status;
	pid_t got;

	PX_UNUSED(watch);
	*sys_error = 0;
	*signo = 0;
	do
		got = waitpid((pid_t)pid, &status, WNOHANG);
	while (got < 0 && errno == EINTR);
	if (got <= 0)
		return got ? px_errno(sys_error) : PX_AGAIN;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	*signo = WTERMSIG(status);
	return 128 + *signo;
}

int px_child_kill(int64_t pid, int watch, bool group, int signo)
{
	PX_UNUSED(watch);
	return kill((pid_t)(group ? -pid : pid), signo) ? (int)px_sys_error(errno) : 0;
}

int64_t px_child_number(int64_t pid)
{
	return pid;
}

int64_t px_fd_copy(int fd, int32_t *sys_error)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	*sys_error = 0;
	return copy < 0 ? px_errno(sys_error) : copy;
}

int64_t px_stdio_copy(int number, int32_t *sys_error)
{
	return px_fd_copy(number, sys_error);
}
