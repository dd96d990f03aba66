/* What the library's copy calls: declared here, since no header of the system does; its helpers. */
/* SPDX-License-Identifier: MIT */
#ifndef SEAM_SEAM_POSIX_H
#define SEAM_SEAM_POSIX_H

#include "seam/seam.h"

#include <dirent.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <termios.h>

/* Returns -1 with the rule's error, if it says so. */
#define FAIL(call)                                      \
	do {                                            \
		int hit_ = seam_hit(SEAM_##call);       \
		if (hit_ > 0 && !(hit_ & SEAM_AFTER)) { \
			errno = hit_;                   \
			return -1;                      \
		}                                       \
	} while (0)

/* One byte, and the rest comes later. */
static inline size_t seam_shorter(int hit, size_t len)
{
	return hit == SEAM_W_short_ && len > 1 ? 1 : len;
}

void seam_comes_later(int fd);
int seam_again(int fd, int hit); /* -1, as the rule says; what was withheld comes later */
int seam_two_opened(const int pair[2]);

int seam_socket(int, int, int);
int seam_bind(int, const struct sockaddr *, socklen_t);
int seam_listen(int, int);
int seam_accept4(int, struct sockaddr *, socklen_t *, int);
int seam_connect(int, const struct sockaddr *, socklen_t);
ssize_t seam_recv(int, void *, size_t, int);
ssize_t seam_recvmsg(int, struct msghdr *, int);
int seam_recvmmsg(int, struct mmsghdr *, unsigned, int, struct timespec *);
int seam_sendmmsg(int, struct mmsghdr *, unsigned, int);
ssize_t seam_send(int, const void *, size_t, int);
ssize_t seam_sendmsg(int, const struct msghdr *, int);
ssize_t seam_sendto(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
ssize_t seam_sendfile(int, int, off_t *, size_t);
ssize_t seam_splice(int, loff_t *, int, loff_t *, size_t, unsigned);
int seam_shutdown(int, int);
int seam_getsockopt(int, int, int, void *, socklen_t *);
int seam_setsockopt(int, int, int, const void *, socklen_t);
int seam_getsockname(int, struct sockaddr *, socklen_t *);
int seam_getpeername(int, struct sockaddr *, socklen_t *);
int seam_socketpair(int, int, int, int[2]);
int seam_eventfd(unsigned, int);
int seam_epoll_create1(int);
int seam_epoll_ctl(int, int, int, struct epoll_event *);
int seam_epoll_wait(int, struct epoll_event *, int, int);
int seam_poll(struct pollfd *, nfds_t, int);
int seam_ppoll(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);
ssize_t seam_read(int, void *, size_t);
ssize_t seam_write(int, const void *, size_t);
ssize_t seam_pread(int, void *, size_t, off_t);
ssize_t seam_pwrite(int, const void *, size_t, off_t);
int seam_fsync(int);
ssize_t seam_preadv(int, const struct iovec *, int, off_t);
ssize_t seam_pwritev(int, const struct iovec *, int, off_t);
int seam_fdatasync(int);
int seam_ftruncate(int, off_t);
int seam_renameat(int, const char *, int, const char *);
int seam_linkat(int, const char *, int, const char *, int);
int seam_symlinkat(const char *, int, const char *);
ssize_t seam_readlinkat(int, const char *, char *, size_t);
int seam_unlinkat(int, const char *, int);
int seam_mkdirat(int, const char *, mode_t);
int seam_fchmod(int, mode_t);
int seam_futimens(int, const struct timespec[2]);
int seam_fchmodat(int, const char *, mode_t, int);
int seam_utimensat(int, const char *, const struct timespec[2], int);
int seam_faccessat(int, const char *, int, int);
int seam_fstatat(int, const char *, struct stat *, int);
int seam_posix_fallocate(int, off_t, off_t);
char *seam_realpath(const char *, char *);
int seam_openat(int, const char *, int, ...);
int seam_open(const char *, int, ...);
DIR *seam_fdopendir(int);
struct dirent *seam_readdir(DIR *);
int seam_closedir(DIR *);
int seam_inotify_init1(int);
int seam_inotify_add_watch(int, const char *, uint32_t);
int seam_inotify_rm_watch(int, int);
int seam_pipe2(int[2], int);
ssize_t seam_writev(int, const struct iovec *, int);
int seam_tcgetattr(int, struct termios *);
int seam_tcsetattr(int, int, const struct termios *);
int seam_dup2(int, int);
int seam_fcntl(int, int, ...);
int seam_clone(int (*)(void *), void *, int, void *, ...);
pid_t seam_fork(void);
pid_t seam_waitpid(pid_t, int *, int);
int seam_execve(const char *, char *const *, char *const *);
int seam_chdir(const char *);
int seam_setpgid(pid_t, pid_t);
pid_t seam_setsid(void);
int seam_fstat(int, struct stat *);
int seam_fstatfs(int, struct statfs *);
off_t seam_lseek(int, off_t, int);
int seam_close(int);
void *seam_mmap(void *, size_t, int, int, int, off_t);
int seam_munmap(void *, size_t);
int seam_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int seam_pthread_join(pthread_t, void **);
int seam_pthread_cond_wait(pthread_cond_t *, pthread_mutex_t *);
int seam_pthread_cond_timedwait(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
int seam_pthread_mutex_lock(pthread_mutex_t *);
int seam_getaddrinfo(const char *, const char *, const struct addrinfo *, struct addrinfo **);
int seam_getnameinfo(const struct sockaddr *, socklen_t, char *, socklen_t, char *, socklen_t, int);
void *seam_malloc(size_t);
void *seam_calloc(size_t, size_t);
long seam_syscall(long, ...);

#endif
