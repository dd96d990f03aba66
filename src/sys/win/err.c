/* Windows' error codes to PROA_E..., by one list. */
/* SPDX-License-Identifier: MIT */
#include "win.h"

#include <winternl.h>

/* What Debian's headers have no names for. */
enum {
	VIRUS_INFECTED = 225,
	NO_SUCH_DEVICE = 433,
	DEVICE_HARDWARE_ERROR = 483,
	HANDLES_CLOSED = 676,
	STOPPED_ON_SYMLINK = 681,
	ELEVATION_REQUIRED = 740,
	DISK_QUOTA_EXCEEDED = 1295,
	REPARSE_POINT_ENCOUNTERED = 4395
};

/* Winsock's codes (10000 and more) and Win32's are one set of numbers, and getaddrinfo's are among
 * them. X(system's, ours). Two with one number do not compile: a case twice. ERROR_IO_PENDING,
 * ERROR_MORE_DATA of a pipe and ERROR_HANDLE_EOF are not here, because they are dealt with before
 * anybody asks; so is WSAEWOULDBLOCK, except of an overlapped call, where it means that too many
 * are under way. An aborted operation is not "canceled": that word is only for what the program
 * asked for, which the backend knows. A connection whose keep-alive is unanswered has timed out,
 * as it is called elsewhere; for what WSAENETRESET says of a datagram see px_msg_stray. A pipe that
 * is not connected was: its server has thrown it away, and what was in it. */
#define WSA_LIST(X)                         \
	X(WSAEACCES, EACCES)                \
	X(WSAEADDRINUSE, EADDRINUSE)        \
	X(WSAEADDRNOTAVAIL, EADDRNOTAVAIL)  \
	X(WSAEAFNOSUPPORT, EAFNOSUPPORT)    \
	X(WSAEALREADY, EALREADY)            \
	X(WSAEINPROGRESS, EALREADY)         \
	X(WSAEBADF, EBADF)                  \
	X(WSAEINTR, EABORTED)               \
	X(WSAECANCELLED, EABORTED)          \
	X(WSA_E_CANCELLED, EABORTED)        \
	X(WSAECONNABORTED, ECONNABORTED)    \
	X(WSAECONNREFUSED, ECONNREFUSED)    \
	X(WSAECONNRESET, ECONNRESET)        \
	X(WSAENETRESET, ETIMEDOUT)          \
	X(WSAEDISCON, ECONNRESET)           \
	X(WSAEDESTADDRREQ, EINVAL)          \
	X(WSAEDQUOT, EDQUOT)                \
	X(WSAEFAULT, EINVAL)                \
	X(WSAEINVAL, EINVAL)                \
	X(WSATYPE_NOT_FOUND, EINVAL)        \
	X(WSAEHOSTDOWN, EHOSTUNREACH)       \
	X(WSAEHOSTUNREACH, EHOSTUNREACH)    \
	X(WSAENETUNREACH, ENETUNREACH)      \
	X(WSAENETDOWN, ENETDOWN)            \
	X(WSASYSNOTREADY, ENETDOWN)         \
	X(WSAEISCONN, EISCONN)              \
	X(WSAENOTCONN, ENOTCONN)            \
	X(WSAELOOP, ELOOP)                  \
	X(WSAEMFILE, EMFILE)                \
	X(WSAEPROCLIM, ENFILE)              \
	X(WSAEMSGSIZE, EMSGSIZE)            \
	X(WSAENAMETOOLONG, ENAMETOOLONG)    \
	X(WSAENOBUFS, ENOBUFS)              \
	X(WSAEWOULDBLOCK, ENOBUFS)          \
	X(WSAEPROVIDERFAILEDINIT, ENOBUFS)  \
	X(WSAENOPROTOOPT, ENOTSUP)          \
	X(WSAEOPNOTSUPP, ENOTSUP)           \
	X(WSAEPROTOTYPE, ENOTSUP)           \
	X(WSAENOTEMPTY, ENOTEMPTY)          \
	X(WSAENOTSOCK, ENOTSOCK)            \
	X(WSAEPFNOSUPPORT, EAFNOSUPPORT)    \
	X(WSAEPROTONOSUPPORT, EAFNOSUPPORT) \
	X(WSAESOCKTNOSUPPORT, EAFNOSUPPORT) \
	X(WSAESHUTDOWN, EPIPE)              \
	X(WSAETIMEDOUT, ETIMEDOUT)          \
	X(WSAETOOMANYREFS, ENOBUFS)         \
	X(WSAVERNOTSUPPORTED, ENOSYS)       \
	X(WSANOTINITIALISED, ENOSYS)        \
	X(WSAHOST_NOT_FOUND, ENONAME)       \
	X(WSANO_DATA, ENONAME)              \
	X(WSASERVICE_NOT_FOUND, ENONAME)    \
	X(WSATRY_AGAIN, ENAMETEMP)          \
	X(WSANO_RECOVERY, ENAMETEMP)

#define NET_LIST(X)                                     \
	X(ERROR_NETNAME_DELETED, ECONNRESET)            \
	X(ERROR_VC_DISCONNECTED, ECONNRESET)            \
	X(ERROR_SEM_TIMEOUT, ETIMEDOUT)                 \
	X(WAIT_TIMEOUT, ETIMEDOUT)                      \
	X(ERROR_TIMEOUT, ETIMEDOUT)                     \
	X(ERROR_OPERATION_ABORTED, EABORTED)            \
	X(ERROR_REQUEST_ABORTED, EABORTED)              \
	X(ERROR_CANCELLED, EABORTED)                    \
	X(HANDLES_CLOSED, EABORTED)                     \
	X(ERROR_CONNECTION_REFUSED, ECONNREFUSED)       \
	X(ERROR_REM_NOT_LIST, ECONNREFUSED)             \
	X(ERROR_PORT_UNREACHABLE, ECONNREFUSED)         \
	X(ERROR_GRACEFUL_DISCONNECT, ECONNRESET)        \
	X(ERROR_PIPE_NOT_CONNECTED, ECONNRESET)         \
	X(ERROR_CONNECTION_ABORTED, ECONNABORTED)       \
	X(ERROR_UNEXP_NET_ERR, ECONNABORTED)            \
	X(ERROR_CONNECTION_INVALID, ENOTCONN)           \
	X(ERROR_NOT_CONNECTED, ENOTCONN)                \
	X(ERROR_CONNECTION_ACTIVE, EISCONN)             \
	X(ERROR_ADDRESS_ALREADY_ASSOCIATED, EADDRINUSE) \
	X(ERROR_DUP_NAME, EADDRINUSE)                   \
	X(ERROR_TOO_MANY_NAMES, EADDRINUSE)             \
	X(ERROR_ADDRESS_NOT_ASSOCIATED, EADDRNOTAVAIL)  \
	X(ERROR_INVALID_NETNAME, EADDRNOTAVAIL)         \
	X(ERROR_INVALID_ADDRESS, EADDRNOTAVAIL)         \
	X(ERROR_INCORRECT_ADDRESS, EADDRNOTAVAIL)       \
	X(ERROR_NETWORK_BUSY, ENETDOWN)                 \
	X(ERROR_BAD_NET_RESP, ENETDOWN)                 \
	X(ERROR_NETWORK_UNREACHABLE, ENETUNREACH)       \
	X(ERROR_PROTOCOL_UNREACHABLE, ENETUNREACH)      \
	X(ERROR_HOST_UNREACHABLE, EHOSTUNREACH)         \
	X(ERROR_HOST_DOWN, EHOSTUNREACH)                \
	X(ERROR_BROKEN_PIPE, EPIPE)                     \
	X(ERROR_NO_DATA, EPIPE)                         \
	X(ERROR_BAD_PIPE, EPIPE)                        \
	X(ERROR_MORE_DATA, EMSGSIZE)

#define FILE_LIST(X)                                \
	X(ERROR_FILE_NOT_FOUND, ENOENT)             \
	X(ERROR_PATH_NOT_FOUND, ENOENT)             \
	X(ERROR_INVALID_DRIVE, ENOENT)              \
	X(ERROR_INVALID_NAME, ENOENT)               \
	X(ERROR_BAD_PATHNAME, ENOENT)               \
	X(ERROR_BAD_NETPATH, ENOENT)                \
	X(ERROR_BAD_NET_NAME, ENOENT)               \
	X(ERROR_DELETE_PENDING, ENOENT)             \
	X(ERROR_NO_UNICODE_TRANSLATION, ENOENT)     \
	X(ERROR_ACCESS_DENIED, EACCES)              \
	X(ERROR_CANT_ACCESS_FILE, EACCES)           \
	X(VIRUS_INFECTED, EACCES)                   \
	X(ERROR_REPARSE_TAG_INVALID, EACCES)        \
	X(ERROR_REPARSE_TAG_MISMATCH, EACCES)       \
	X(ERROR_NETWORK_ACCESS_DENIED, EACCES)      \
	X(ERROR_PRIVILEGE_NOT_HELD, EPERM)          \
	X(ELEVATION_REQUIRED, EPERM)                \
	X(ERROR_FILE_EXISTS, EEXIST)                \
	X(ERROR_ALREADY_EXISTS, EEXIST)             \
	X(ERROR_DIRECTORY, ENOTDIR)                 \
	X(PX_WIN_IS_FOLDER, EISDIR)                 \
	X(ERROR_DIR_NOT_EMPTY, ENOTEMPTY)           \
	X(ERROR_CANT_RESOLVE_FILENAME, ELOOP)       \
	X(STOPPED_ON_SYMLINK, ELOOP)                \
	X(REPARSE_POINT_ENCOUNTERED, EACCES)        \
	X(ERROR_BUFFER_OVERFLOW, ENAMETOOLONG)      \
	X(ERROR_FILENAME_EXCED_RANGE, ENAMETOOLONG) \
	X(ERROR_NOT_SAME_DEVICE, EXDEV)             \
	X(ERROR_WRITE_PROTECT, EROFS)               \
	X(ERROR_DISK_FULL, ENOSPC)                  \
	X(ERROR_HANDLE_DISK_FULL, ENOSPC)           \
	X(DISK_QUOTA_EXCEEDED, EDQUOT)              \
	X(ERROR_FILE_TOO_LARGE, EFBIG)              \
	X(ERROR_IO_DEVICE, EIO)                     \
	X(ERROR_CRC, EIO)                           \
	X(ERROR_READ_FAULT, EIO)                    \
	X(ERROR_WRITE_FAULT, EIO)                   \
	X(ERROR_GEN_FAILURE, EIO)                   \
	X(ERROR_SEEK, EIO)                          \
	X(ERROR_SECTOR_NOT_FOUND, EIO)              \
	X(ERROR_FILE_CORRUPT, EIO)                  \
	X(ERROR_DISK_CORRUPT, EIO)                  \
	X(ERROR_UNRECOGNIZED_VOLUME, EIO)           \
	X(ERROR_FILE_INVALID, EIO)                  \
	X(DEVICE_HARDWARE_ERROR, EIO)               \
	X(ERROR_SHARING_VIOLATION, EBUSY)           \
	X(ERROR_LOCK_VIOLATION, EBUSY)              \
	X(ERROR_BUSY, EBUSY)                        \
	X(ERROR_PIPE_BUSY, EBUSY)                   \
	X(ERROR_USER_MAPPED_FILE, EBUSY)            \
	X(ERROR_SEEK_ON_DEVICE, ESEEK)              \
	X(NO_SUCH_DEVICE, ENODEV)                   \
	X(ERROR_BAD_UNIT, ENODEV)                   \
	X(ERROR_NOT_READY, ENODEV)                  \
	X(ERROR_DEV_NOT_EXIST, ENODEV)              \
	X(ERROR_DEVICE_NOT_CONNECTED, ENODEV)       \
	X(ERROR_BAD_EXE_FORMAT, ENOEXEC)

#define OTHER_LIST(X)                          \
	X(ERROR_NOT_ENOUGH_MEMORY, ENOMEM)     \
	X(ERROR_OUTOFMEMORY, ENOMEM)           \
	X(ERROR_NO_SYSTEM_RESOURCES, ENOMEM)   \
	X(ERROR_WORKING_SET_QUOTA, ENOMEM)     \
	X(ERROR_COMMITMENT_LIMIT, ENOMEM)      \
	X(ERROR_PAGEFILE_QUOTA, ENOMEM)        \
	X(ERROR_NOT_ENOUGH_QUOTA, ENOMEM)      \
	X(ERROR_TOO_MANY_OPEN_FILES, EMFILE)   \
	X(ERROR_INVALID_HANDLE, EBADF)         \
	X(ERROR_INVALID_PARAMETER, EINVAL)     \
	X(ERROR_NEGATIVE_SEEK, EINVAL)         \
	X(ERROR_NOACCESS, EINVAL)              \
	X(ERROR_INVALID_USER_BUFFER, EINVAL)   \
	X(ERROR_INVALID_FLAGS, EINVAL)         \
	X(ERROR_INSUFFICIENT_BUFFER, EINVAL)   \
	X(ERROR_INVALID_LEVEL, EINVAL)         \
	X(ERROR_SYMLINK_NOT_SUPPORTED, EINVAL) \
	X(ERROR_INVALID_FUNCTION, ENOTSUP)     \
	X(ERROR_NOT_SUPPORTED, ENOTSUP)        \
	X(ERROR_CALL_NOT_IMPLEMENTED, ENOSYS)  \
	X(ERROR_PROC_NOT_FOUND, ENOSYS)

int64_t px_sys_error(int sys_error)
{
	switch (sys_error) {
#define ERROR_CASE(theirs, ours) \
	case theirs: return -PROA_##ours;
		WSA_LIST(ERROR_CASE)
		NET_LIST(ERROR_CASE)
		FILE_LIST(ERROR_CASE)
		OTHER_LIST(ERROR_CASE)
	default: return -PROA_ESYS;
	}
}

int64_t px_win_error(int32_t *sys_error)
{
	int error = (int)GetLastError();

	*sys_error = error;
	return px_sys_error(error);
}

/* Some that mean a thing of its own are folded into "access denied" by Windows' own table, or not
 * in it. */
enum {
	IS_A_DIRECTORY = (int32_t)0xC00000BA,
	REPARSE_MET = (int32_t)0xC000050B,
	HOPS_EXCEEDED = (int32_t)0xC000A012
};

int px_win_status(int32_t ntstatus)
{
	switch (ntstatus) {
	case 0: return 0;
	case IS_A_DIRECTORY: return PX_WIN_IS_FOLDER;
	case REPARSE_MET: return ERROR_ACCESS_DENIED;
	case HOPS_EXCEEDED: return WSAENETRESET;
	default: return (int)RtlNtStatusToDosError(ntstatus);
	}
}
