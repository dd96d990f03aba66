/* What the files of this platform share among themselves; sys.h is what the floors above see. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_SYS_POSIX_H
#define PX_SYS_POSIX_H

#include "sys/os.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

/* errno as a result, and as it is in *sys_error. */
static inline int64_t px_errno(int32_t *sys_error)
{
	*sys_error = errno;
	return px_sys_error(errno);
}

/* What a call said that moves bytes, or opens: how many, PX_AGAIN or an error. */
static inline int64_t px_moved(ssize_t n, int32_t *sys_error)
{
	*sys_error = 0;
	if (n >= 0)
		return n;
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return PX_AGAIN;
	return px_errno(sys_error);
}

/* CMSG_NXTHDR, for musl's compares signed with unsigned numbers. */
static inline struct cmsghdr *px_control_next(const struct msghdr *m, const struct cmsghdr *c)
{
	unsigned char *all = m->msg_control;
	size_t at = (size_t)((const unsigned char *)c - all);

	if (c->cmsg_len < CMSG_LEN(0))
		return NULL;
	at += CMSG_SPACE(c->cmsg_len - CMSG_LEN(0));
	return at + CMSG_LEN(0) <= m->msg_controllen ? (void *)(all + at) : NULL;
}

/* A descriptor: dup'd onto nothing, close-on-exec, non-blocking as wished. -1 and errno. */
int px_sock_new(int family, int type, bool nonblock);
int px_sock_accept_new(int fd, bool nonblock);
int px_sock_pair_new(int type, int fd[2]); /* blocking ones: 0, or -1 and errno */
/* px_sock_open of a type; and the address as the family that it took wants it. */
int64_t px_sock_open_type(const proa_addr *, int type, bool nonblock, int32_t *sys_error);
void px_addr_for_socket(int fd, proa_addr *);

/* IPV6_V6ONLY before a bind: 0, or -1 and errno. A v6 wildcard takes v4 too unless `only`, but on
 * OpenBSD, where none does and asking for it is EINVAL. */
int px_sock_v6only(int fd, bool only);

/* What goes with a datagram beside its bytes, udp_control.c. The address that it was sent to, its
 * interface and TTL are to be told (-1 and errno: cannot); datagrams may come joined, where that
 * can be. */
int px_udp_info(int fd, uint32_t family);
void px_udp_gro(int fd);
typedef union px_udp_control {
	size_t align;
	unsigned char bytes[128];
} px_udp_control;
/* All that came with it, into the message's outputs. */
void px_udp_control_get(struct msghdr *, proa_msg *);
/* Of a send of `part` bytes: how long it is, 0 if there is nothing to say. */
size_t px_udp_control_put(px_udp_control *, const proa_msg *, size_t part);

/* What a call for a datagram said; and what of it came, into the message's outputs, udp.c. */
int64_t px_udp_result(ssize_t n, int32_t *sys_error);
void px_udp_told(struct msghdr *, proa_msg *, size_t n);
/* All of one, whatever calls it takes: 1, PX_AGAIN if not even the first went, or an error. */
int64_t px_udp_send_whole(int fd, const proa_msg *msg, int32_t *sys_error);

/* Sends raise no SIGPIPE: by a flag, and on macOS, whose headers had none for long, by the socket's
 * own option beside it. px_sock_quiet sets that on what came from elsewhere, if it can; others have
 * it. */
#ifdef MSG_NOSIGNAL
#define PX_MSG_QUIET MSG_NOSIGNAL
#else
#define PX_MSG_QUIET 0
#endif
void px_sock_quiet(int fd);

/* A pipe, close-on-exec and blocking: 0, or -1 and errno. Its writes raise SIGPIPE only where
 * px_sys_sigpipe_block stops that. pipe.c */
int px_pipe_new(int fd[2]);
int px_fd_nonblock(int fd, bool on); /* 0, or -1 and errno */

/* More comes at once: to be sent together. */
#ifdef MSG_MORE
#define PX_MSG_FOLLOWED MSG_MORE
#else
#define PX_MSG_FOLLOWED 0
#endif

/* Only sendfile(2), and writing to a pipe, have no such flag. On macOS and NetBSD a descriptor has
 * one instead, and on macOS SIGPIPE would be the process's, not the thread's. There
 * px_sys_sigpipe_block does nothing. */
#if defined(__linux__) || defined(__FreeBSD__) || defined(__DragonFly__) || defined(__OpenBSD__)
#define PX_SIGPIPE_COMES 1
#endif

/* The first pieces behind `skip` bytes, PX_IO_MOST together; how many, in a type that the int of
 * one libc and the size_t of another both hold. sock.c */
enum { PX_VECS_AT_ONCE = 64 };
struct iovec;
uint16_t px_vec_fill(struct iovec out[PX_VECS_AT_ONCE], const proa_vec *vec, unsigned n,
                     size_t skip);

/* Like px_sock_send_file, by reading a little and sending it: for what the system's call does not
 * take. */
int64_t px_sock_copy_file(int fd, int file, int64_t offset, int64_t count, int32_t *sys_error);

/* open(2)'s flags for PROA_O_...; -1 if they make no sense. */
int px_open_flags(unsigned flags);
uint32_t px_stat_type(mode_t mode); /* PROA_S_... */
void px_stat_fill(proa_stat_info *out, const struct stat *in);

/* So much room of a file is its own, and inside of its size: -1 and errno. */
int px_allocate(int fd, int64_t offset, int64_t len);

/* Opens below dir_fd and nowhere else: -1 and errno, EACCES for a way out. The first as the system
 * can, the second component by component, following no link and no "..". */
int px_open_beneath(int dir_fd, const char *path, int oflags, unsigned mode);
int px_open_walk(int dir_fd, const char *path, int oflags, unsigned mode);

/* Packs a folder's entries behind each other as proa_dirents. `d_type` of its struct dirent; `.`
 * and
 * `..` and what has gone meanwhile are left out. False: there is no room for it. */
typedef struct px_dir_packer {
	int fd; /* the folder */
	char *out;
	size_t len, used;
} px_dir_packer;
bool px_dir_pack(px_dir_packer *, const char *name, uint64_t ino, unsigned d_type);

#endif
