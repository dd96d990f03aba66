/* Errors: one table for all systems. A result below 0 is one of these, negated. */
/* SPDX-License-Identifier: MIT */
#ifndef PROA_ERR_H
#define PROA_ERR_H

#include "proa/base.h"

#include <stdint.h>

/* X(name, number, text). A number is never changed or used again: new errors go to the end.
 * There is no error for "try again", "interrupted" or "no buffer left in the pool": those are
 * proa's to deal with and reach nobody. The system's own code is in op->sys_error. */
#define PROA_ERR_LIST(X)                                                                    \
	X(ECANCELED, 1, "canceled by the program")                                          \
	X(ETIMEDOUT, 2, "the deadline passed, or the other side stopped answering")         \
	X(ENOMEM, 3, "out of memory")                                                       \
	X(EINVAL, 4, "invalid argument")                                                    \
	X(EADDRINUSE, 5, "the address is in use by another socket")                         \
	X(EADDRNOTAVAIL, 6, "this machine has no such address, or no local port is free")   \
	X(ECONNREFUSED, 7, "nothing accepts connections at that address")                   \
	X(ECONNRESET, 8, "the connection was reset by the other side")                      \
	X(ECONNABORTED, 9, "the connection was aborted by this system")                     \
	X(EHOSTUNREACH, 10, "there is no way to that host")                                 \
	X(ENETUNREACH, 11, "there is no way to that network")                               \
	X(ENETDOWN, 12, "the network interface is down")                                    \
	X(EPIPE, 13, "nobody is left to read what is written")                              \
	X(EBROKEN, 14, "an earlier send ended half way, so nothing more can be sent")       \
	X(ENOTCONN, 15, "the socket is not connected")                                      \
	X(EISCONN, 16, "the socket is connected already")                                   \
	X(EALREADY, 17, "the same is under way already")                                    \
	X(EACCES, 18, "permission denied")                                                  \
	X(EPERM, 19, "only a more privileged user may do this")                             \
	X(ENOENT, 20, "no such file or folder")                                             \
	X(EEXIST, 21, "the file exists already")                                            \
	X(EISDIR, 22, "it is a folder")                                                     \
	X(ENOTDIR, 23, "part of the path is not a folder")                                  \
	X(ENOTEMPTY, 24, "the folder is not empty")                                         \
	X(ELOOP, 25, "too many symbolic links in the path")                                 \
	X(ENAMETOOLONG, 26, "the name is longer than the system allows")                    \
	X(EXDEV, 27, "the two paths are on different file systems, or one leaves its root") \
	X(EROFS, 28, "the file system is read-only")                                        \
	X(ENOSPC, 29, "no space left on the device")                                        \
	X(EDQUOT, 30, "the disk quota is used up")                                          \
	X(EFBIG, 31, "the file would be larger than allowed")                               \
	X(EIO, 32, "the device failed to read or write")                                    \
	X(EMFILE, 33, "this process has too many open files")                               \
	X(ENFILE, 34, "the system has too many open files")                                 \
	X(ENOBUFS, 35, "the system has no network memory left")                             \
	X(EMSGSIZE, 36, "the message is too large to be sent whole")                        \
	X(EBADF, 37, "the handle is not open")                                              \
	X(ENOTSOCK, 38, "it is not a socket")                                               \
	X(EAFNOSUPPORT, 39, "this system does not know that kind of address")               \
	X(EPROTO, 40, "the other side broke the protocol")                                  \
	X(ENOTSUP, 41, "not supported for this kind of handle or operation")                \
	X(ENOSYS, 42, "this system does not offer that")                                    \
	X(EBUSY, 43, "it is in use")                                                        \
	X(ENONAME, 44, "the name does not exist")                                           \
	X(ENAMETEMP, 45, "the name could not be resolved for now")                          \
	X(ETOOLONG, 46, "longer than the stated limit")                                     \
	X(EFULL, 47, "the queue is full")                                                   \
	X(ESTOPPED, 48, "the loop was stopped, or the workers were")                        \
	X(ELEAK, 49, "something was still held at the end")                                 \
	X(EABORTED, 50, "the system aborted the operation, though nobody asked it to")      \
	X(EEND, 51, "the stream ended too early")                                           \
	X(ESYS, 52, "an error of the system without a name here, see sys_error")            \
	X(EADDRTEXT, 53, "the text is not an address")                                      \
	X(ESIZES, 54, "the program was compiled against another version of the library")    \
	X(ENODEV, 55, "no such device")                                                     \
	X(ETXTBSY, 56, "the file is a program that is running")                             \
	X(ENOEXEC, 57, "the file is not a program for this system")                         \
	X(ECHILD, 58, "no such child process")                                              \
	X(ESEEK, 59, "a pipe or terminal has no positions")

enum {
#define PROA_ERR_ENUM(name, number, text) PROA_##name = (number),
	PROA_ERR_LIST(PROA_ERR_ENUM)
#undef PROA_ERR_ENUM
		PROA_ERR_END_ /* one past the last */
};

PROA_C_BEGIN

/* The error's name without prefix, such as "ECONNRESET". Takes a result as it comes (negative) or a
 * PROA_E... (positive); "OK" for 0, "EUNKNOWN" for what is in no table. Static text; any thread. */
PROA_API const char *proa_err_name(int64_t result);

/* The same as one short sentence for people, without a full stop; "success" for 0. */
PROA_API const char *proa_err_text(int64_t result);

PROA_C_END

#endif
