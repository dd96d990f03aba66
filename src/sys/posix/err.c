/* errno to PROA_E..., by one list. */
/* SPDX-License-Identifier: MIT */
#include "posix.h"

/* X(system's, ours). Two with one number do not compile: a case twice. EAGAIN and EINTR are not
 * here, because they are dealt with before anybody asks. */
#define ERRNO_LIST(X)                    \
	X(ECANCELED, ECANCELED)          \
	X(ETIMEDOUT, ETIMEDOUT)          \
	X(ENOMEM, ENOMEM)                \
	X(EINVAL, EINVAL)                \
	X(EFAULT, EINVAL)                \
	X(EDOM, EINVAL)                  \
	X(EDESTADDRREQ, EINVAL)          \
	X(EADDRINUSE, EADDRINUSE)        \
	X(EADDRNOTAVAIL, EADDRNOTAVAIL)  \
	X(ECONNREFUSED, ECONNREFUSED)    \
	X(ECONNRESET, ECONNRESET)        \
	X(ENETRESET, ECONNRESET)         \
	X(ECONNABORTED, ECONNABORTED)    \
	X(EHOSTUNREACH, EHOSTUNREACH)    \
	X(EHOSTDOWN, EHOSTUNREACH)       \
	X(ENETUNREACH, ENETUNREACH)      \
	X(ENETDOWN, ENETDOWN)            \
	X(EPIPE, EPIPE)                  \
	X(ESHUTDOWN, EPIPE)              \
	X(ENOTCONN, ENOTCONN)            \
	X(EISCONN, EISCONN)              \
	X(EALREADY, EALREADY)            \
	X(EINPROGRESS, EALREADY)         \
	X(EACCES, EACCES)                \
	X(EPERM, EPERM)                  \
	X(ENOENT, ENOENT)                \
	X(EEXIST, EEXIST)                \
	X(EISDIR, EISDIR)                \
	X(ENOTDIR, ENOTDIR)              \
	X(ENOTEMPTY, ENOTEMPTY)          \
	X(ELOOP, ELOOP)                  \
	X(ENAMETOOLONG, ENAMETOOLONG)    \
	X(EXDEV, EXDEV)                  \
	X(EROFS, EROFS)                  \
	X(ENOSPC, ENOSPC)                \
	X(EDQUOT, EDQUOT)                \
	X(EFBIG, EFBIG)                  \
	X(EOVERFLOW, EFBIG)              \
	X(EIO, EIO)                      \
	X(EMFILE, EMFILE)                \
	X(ENFILE, ENFILE)                \
	X(ENOBUFS, ENOBUFS)              \
	X(EMSGSIZE, EMSGSIZE)            \
	X(EBADF, EBADF)                  \
	X(ENOTSOCK, ENOTSOCK)            \
	X(EAFNOSUPPORT, EAFNOSUPPORT)    \
	X(EPFNOSUPPORT, EAFNOSUPPORT)    \
	X(EPROTONOSUPPORT, EAFNOSUPPORT) \
	X(EPROTO, EPROTO)                \
	X(EOPNOTSUPP, ENOTSUP)           \
	X(ENOPROTOOPT, ENOTSUP)          \
	X(EPROTOTYPE, ENOTSUP)           \
	X(ENOSYS, ENOSYS)                \
	X(EBUSY, EBUSY)                  \
	X(ENODEV, ENODEV)                \
	X(ENXIO, ENODEV)                 \
	X(ETXTBSY, ETXTBSY)              \
	X(ENOEXEC, ENOEXEC)              \
	X(E2BIG, ETOOLONG)               \
	X(ECHILD, ECHILD)                \
	X(ESPIPE, ESEEK)

/* Those that not every system has, or that are another's number on some. */
#ifdef ETIME
#define ERRNO_ETIME(X) X(ETIME, ETIMEDOUT)
#else
#define ERRNO_ETIME(X)
#endif
/* "The machine is not on the network": of accept(2), on Linux. */
#ifdef ENONET
#define ERRNO_ENONET(X) X(ENONET, ENETDOWN)
#else
#define ERRNO_ENONET(X)
#endif

#if ENOTSUP != EOPNOTSUPP
#define ERRNO_ENOTSUP(X) X(ENOTSUP, ENOTSUP)
#else
#define ERRNO_ENOTSUP(X)
#endif

int64_t px_sys_error(int sys_error)
{
	switch (sys_error) {
#define ERRNO_CASE(theirs, ours) \
	case theirs: return -PROA_##ours;
		ERRNO_LIST(ERRNO_CASE)
		ERRNO_ETIME(ERRNO_CASE)
		ERRNO_ENONET(ERRNO_CASE)
		ERRNO_ENOTSUP(ERRNO_CASE)
	default: return -PROA_ESYS;
	}
}
