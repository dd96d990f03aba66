/* Terminals, and another view of the standard streams; what comes back at exit. */
/* SPDX-License-Identifier: MIT */
#include "posix.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

enum { STDIO = 3, TERMINALS = 16, PATH_BYTES = 64 };

/* ---- what comes back at exit ---- */

typedef struct terminal {
	int fd; /* + 1; 0: free */
	struct termios before;
} terminal;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static terminal terminals[TERMINALS];
static int flags_before[STDIO]; /* + 1; 0: not changed */
static bool at_exit;

static int modes_set(int fd, int when, const struct termios *t)
{
	int rc;

	do
		rc = tcsetattr(fd, when, t);
	while (rc && errno == EINTR);
	return rc;
}

/* The process ends: nobody else is left that could hold the lock for long. */
static void restore_all(void)
{
	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < TERMINALS; i++)
		if (terminals[i].fd)
			modes_set(terminals[i].fd - 1, TCSANOW, &terminals[i].before);
	for (int i = 0; i < STDIO; i++)
		if (flags_before[i])
			fcntl(i, F_SETFL, flags_before[i] - 1);
	pthread_mutex_unlock(&lock);
}

static void restore_at_exit(void)
{
	if (!at_exit)
		at_exit = atexit(restore_all) == 0;
}

/* ---- terminals ---- */

/* The one of this descriptor; with `fresh` a free one if there is none. */
static terminal *terminal_of(int fd, bool fresh)
{
	terminal *unused = NULL;

	for (unsigned i = 0; i < TERMINALS; i++) {
		if (terminals[i].fd == fd + 1)
			return &terminals[i];
		if (!terminals[i].fd)
			unused = &terminals[i];
	}
	return fresh ? unused : NULL;
}

static void termios_raw(struct termios *t)
{
	t->c_iflag &= (tcflag_t) ~(BRKINT | ICRNL | IGNBRK | IGNCR | INLCR | INPCK | ISTRIP | IXON |
	                           PARMRK);
	t->c_oflag &= (tcflag_t)~OPOST;
	t->c_lflag &= (tcflag_t) ~(ECHO | ECHONL | ICANON | IEXTEN | ISIG);
	t->c_cflag = (t->c_cflag & (tcflag_t) ~(CSIZE | PARENB)) | CS8;
}

static void termios_keys(struct termios *t)
{
	t->c_lflag &= (tcflag_t) ~(ECHO | ECHONL | ICANON);
}

static int tty_set(int fd, proa_tty_how how)
{
	terminal *t = terminal_of(fd, how != PROA_TTY_AS_FOUND);
	struct termios now;

	if (!t)
		return how == PROA_TTY_AS_FOUND ? 0 : -PROA_EBUSY;
	if (!t->fd) {
		if (tcgetattr(fd, &t->before))
			return errno == ENOTTY ? -PROA_ENOTSUP : (int)px_sys_error(errno);
		t->fd = fd + 1;
		restore_at_exit();
	}
	now = t->before;
	now.c_cc[VMIN] = how == PROA_TTY_AS_FOUND ? now.c_cc[VMIN] : 1;
	now.c_cc[VTIME] = how == PROA_TTY_AS_FOUND ? now.c_cc[VTIME] : 0;
	if (how == PROA_TTY_RAW)
		termios_raw(&now);
	else if (how == PROA_TTY_KEYS)
		termios_keys(&now);
	return modes_set(fd, TCSADRAIN, &now) ? (int)px_sys_error(errno) : 0;
}

int px_tty_set(int fd, proa_tty_how how)
{
	int rc;

	pthread_mutex_lock(&lock);
	rc = tty_set(fd, how);
	pthread_mutex_unlock(&lock);
	return rc;
}

void px_tty_forget(int fd)
{
	terminal *t;

	pthread_mutex_lock(&lock);
	if ((t = terminal_of(fd, false))) {
		modes_set(fd, TCSANOW, &t->before);
		t->fd = 0;
	}
	pthread_mutex_unlock(&lock);
}

int px_tty_size(int fd, unsigned *columns, unsigned *rows)
{
	struct winsize size;

	if (ioctl(fd, TIOCGWINSZ, &size))
		return errno == ENOTTY ? -PROA_ENOTSUP : (int)px_sys_error(errno);
	*columns = size.ws_col;
	*rows = size.ws_row;
	return 0;
}

int px_tty_signal(void)
{
	return SIGWINCH;
}

/* ---- standard streams ---- */

static proa_kind sock_kind(int fd)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof at, size = sizeof(int);
	int type = SOCK_STREAM;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) || type != SOCK_STREAM)
		return PROA_UDP;
	if (getsockname(fd, (struct sockaddr *)&at, &len))
		return PROA_LOCAL;
	return at.ss_family == AF_UNIX ? PROA_LOCAL : PROA_TCP;
}

static proa_kind stdio_kind(int fd, mode_t mode)
{
	if (S_ISSOCK(mode))
		return sock_kind(fd);
	return isatty(fd) ? PROA_TTY : PROA_PIPE;
}

/* Another description of the same pipe or terminal, so that its flags are ours alone; -1 where
 * there is no way to get one. */
static int fd_reopen(int fd)
{
	int access = fcntl(fd, F_GETFL) & O_ACCMODE;
	char path[PATH_BYTES];

#ifdef __linux__
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
#else
	if (ttyname_r(fd, path, sizeof path))
		return -1;
#endif
	return open(path, access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/* Its flags are everybody's who has it: they come back at exit. */
static int fd_share(int number, bool nonblock)
{
	int fd = fcntl(number, F_DUPFD_CLOEXEC, 0), flags = fcntl(number, F_GETFL);

	if (fd < 0 || flags < 0 || !(flags & O_NONBLOCK) == !nonblock)
		return fd;
	pthread_mutex_lock(&lock);
	if (!flags_before[number])
		flags_before[number] = flags + 1;
	restore_at_exit();
	pthread_mutex_unlock(&lock);
	px_fd_nonblock(fd, nonblock);
	return fd;
}

int64_t px_stdio_open(int number, bool nonblock, proa_kind *kind, int32_t *sys_error)
{
	struct stat st;
	int fd = -1;

	*sys_error = 0;
	if (fstat(number, &st))
		return px_errno(sys_error);
	*kind = stdio_kind(number, st.st_mode);
	if (S_ISREG(st.st_mode)) /* which waits for nobody */
		fd = fcntl(number, F_DUPFD_CLOEXEC, 0);
	else if (S_ISSOCK(st.st_mode))
		fd = fd_share(number, nonblock);
	else if ((fd = fd_reopen(number)) < 0)
		fd = fd_share(number, true);
	return fd < 0 ? px_errno(sys_error) : fd;
}
