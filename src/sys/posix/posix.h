/* What the files of this platform share among themselves; sys.h is what the floors above see. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_SYS_POSIX_H
#define PX_SYS_POSIX_H

#include "sys/os.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* errno as a result, and as it is in *sys_error. */
static inline int64_t px_errno(int32_t *sys_error)
{
	*sys_error = errno;
	return px_sys_error(errno);
}

/* A descriptor: dup'd onto nothing, close-on-exec, non-blocking as wished. -1 and errno. */
int px_sock_new(int family, int type, bool nonblock);
int px_sock_accept_new(int fd, bool nonblock);
/* px_sock_open of a type; and the address as the family that it took wants it. */
int64_t px_sock_open_type(const proa_addr *, int type, bool nonblock, int32_t *sys_error);
void px_addr_for_socket(int fd, proa_addr *);

/* IPV6_V6ONLY before a bind: 0, or -1 and errno. A v6 wildcard takes v4 too unless `only`, but on
 * OpenBSD, where none does and asking for it is EINVAL. */
int px_sock_v6only(int fd, bool only);

/* Sends raise no SIGPIPE: by a flag, and on macOS, whose headers had none for long, by the socket's
 * own option beside it. px_sock_quiet sets that on what came from elsewhere, if it can; others have
 * it. */
#ifdef MSG_NOSIGNAL
#define PX_MSG_QUIET MSG_NOSIGNAL
#else
#define PX_MSG_QUIET 0
#endif
void px_sock_quiet(int fd);

/* More comes at once: to be sent together. */
#ifdef MSG_MORE
#define PX_MSG_FOLLOWED MSG_MORE
#else
#define PX_MSG_FOLLOWED 0
#endif

/* Only sendfile(2) has no such flag, where there is one that heeds no option either. On macOS
 * SO_NOSIGPIPE holds for it, and SIGPIPE would be the process's, not the thread's; NetBSD and
 * OpenBSD have no sendfile. There px_sys_sigpipe_block does nothing. */
#if defined(__linux__) || defined(__FreeBSD__) || defined(__DragonFly__)
#define PX_SIGPIPE_COMES 1
#endif

/* Like px_sock_send_file, by reading a little and sending it: for what the system's call does not
 * take. */
int64_t px_sock_copy_file(int fd, int file, int64_t offset, int64_t count, int32_t *sys_error);

/* The first pieces behind `skip` bytes, PX_IO_MOST together; how many, in a type that the int of
 * one libc and the size_t of another both hold. */
enum { PX_VECS_AT_ONCE = 64 };
struct iovec;
uint16_t px_vec_fill(struct iovec out[PX_VECS_AT_ONCE], const proa_vec *vec, unsigned n,
                     size_t skip);

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
