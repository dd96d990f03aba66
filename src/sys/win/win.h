/* What the files of Windows share among themselves and with its backend. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_SYS_WIN_H
#define PX_SYS_WIN_H

#include "sys/inet.h"
#include "sys/os.h"

#include <windows.h>

#include <mswsock.h>

/* ---- descriptors ----
 *
 * Above this floor a descriptor is an int. Of a SOCKET or a HANDLE only the low 32 bits are
 * significant (Windows promises so, for processes of 32 and 64 bits that share them), so an int
 * holds either, and -1 is none of them. */
static inline SOCKET px_win_socket(int fd)
{
	return (SOCKET)(uint32_t)fd;
}

static inline HANDLE px_win_handle(int fd)
{
	return (HANDLE)(intptr_t)fd;
}

/* From what the system gave. */
static inline int px_win_fd(SOCKET socket)
{
	return (int)(uint32_t)socket;
}

static inline int px_win_file_fd(HANDLE handle)
{
	return (int)(intptr_t)handle;
}

/* ---- errors, err.c ---- */

enum { PX_WIN_IS_FOLDER = 336 }; /* ERROR_DIRECTORY_NOT_SUPPORTED, which not every header has */

/* GetLastError or WSAGetLastError (they are the same) as a result, and as it is in *sys_error. */
int64_t px_win_error(int32_t *sys_error);
/* The Win32 code for an NTSTATUS, such as a packet's OVERLAPPED.Internal. */
int px_win_status(int32_t ntstatus);

/* ---- sockets, sock.c and extension.c ---- */

/* Winsock is started once a process, and never ended. False: it cannot, and WSAGetLastError tells.
 */
bool px_win_sockets_start(void);
/* A new overlapped socket that no child inherits, IPv6 taking v4 too. `type` SOCK_...;
 * INVALID_SOCKET and WSAGetLastError. */
SOCKET px_win_socket_new(int family, int type, bool nonblock);
int px_win_family(int fd); /* the AF_... a socket was made with, 0 if it does not tell */
/* v6 alone, or v4 too, which is no error where there is no v4: 0 or SOCKET_ERROR. */
int px_win_v6only(SOCKET, bool on);
bool px_win_nodelay(int fd); /* whether TCP_NODELAY is set: a listener's is for what it accepts */
/* A non-blocking call that failed: PX_AGAIN or the error. */
int64_t px_win_sock_failed(int32_t *sys_error);

/* The functions that Winsock has only for those who ask. */
typedef struct px_win_extensions {
	LPFN_ACCEPTEX accept;
	LPFN_CONNECTEX connect;
	LPFN_TRANSMITFILE transmit;
} px_win_extensions;
/* Asked once; the same for the whole process. NULL: this system lacks one, or sockets altogether.
 */
const px_win_extensions *px_win_extend(void);

/* ---- text, text.c: UTF-8 outside, UTF-16 inside ---- */

/* Units without the 0, at most max - 1; -1: it is not UTF-8, or too long. */
int px_win_wide(const char *text, wchar_t *out, int max);
/* Bytes without the 0, at most max - 1; -1: too long. `len` units of text; what is not UTF-16
 * becomes U+FFFD. */
int px_win_utf8(const wchar_t *text, int len, char *out, int max);

/* ---- files: file.c, path.c, beneath.c, dir.c ---- */

enum { PX_WIN_PATH = 4096 }; /* units of the longest path */

/* How to open: NtCreateFile's words. */
typedef struct px_win_open {
	uint32_t access, options, disposition, attributes;
	uint32_t object; /* OBJ_... */
} px_win_open;

/* Results below: 0 or a Win32 code. One NtCreateFile of `name`, `len` units, in the folder `root`,
 * or of an absolute NT path. */
int px_win_create(HANDLE root, const wchar_t *name, size_t len, const px_win_open *how,
                  HANDLE *out);
/* Opens a path as people write it, relative to an open folder (NULL: the current one). */
int px_win_open_path(HANDLE dir, const char *path, const px_win_open *how, HANDLE *out);
/* A path as people write it, whole and as Win32 takes it at any length; `out` has room for
 * PX_WIN_PATH + 8. */
int px_win_full_path(HANDLE dir, const char *path, wchar_t *out);
/* Opens `path` below an open folder and nowhere else; what leads out is access denied. */
int px_win_open_beneath(HANDLE dir, const char *path, const px_win_open *how, HANDLE *out);

/* 0, or why no file below a folder is opened by this name, which has no separator in it; of no
 * length it stands for the folder itself. */
int px_win_name_check(const wchar_t *name, size_t len);

/* Kinds of records that NtQueryDirectoryFile writes: with and without a file's number. */
enum { PX_WIN_DIR_FULL = 2, PX_WIN_DIR_ID_BOTH = 37 };
/* px_dir_read from records of a kind, or where the file system has none of them, the plain ones. */
int64_t px_win_dir_read(int fd, int kind, void *buf, size_t len, int32_t *sys_error);

/* The result of a read or write that failed with a Win32 code: 0 at the end of the file. */
int64_t px_win_file_failed(int error, int32_t *sys_error);

uint32_t px_win_type(DWORD attributes, DWORD reparse_tag); /* PROA_S_... */
uint32_t px_win_mode(DWORD attributes);                    /* permission bits */
int64_t px_win_time_ns(int64_t filetime);                  /* since 1970 */

/* ---- watching, watch.c: the call that a port makes where others poll ---- */
int px_win_watch_begin(px_fswatch *, OVERLAPPED *); /* 0 or a Win32 code; pending is one */
/* Its outcome. False: it is an error that the reader has no word for. */
bool px_win_watch_done(px_fswatch *, int error, int64_t bytes);

/* ---- streams that wait in their calls, stream.c ---- */

typedef struct px_win_stream px_win_stream;
enum { PX_WIN_STREAM_BYTES = 64 * 1024 };
/* A thread that makes the calls of one direction, and posts to the port, with the key and nothing
 * else, when one is over. NULL: no memory, or no thread. */
px_win_stream *px_win_stream_open(int fd, bool reads, HANDLE port, ULONG_PTR key);
void px_win_stream_close(px_win_stream *);          /* also while a call waits */
char *px_win_stream_bytes(px_win_stream *);         /* what it reads to, and writes from */
void px_win_stream_begin(px_win_stream *, DWORD n); /* at most so many bytes, one call at a time */
/* Once for each call, when it is over: true, with 0 or a Win32 code, and how many bytes; of a read
 * none is the end. */
bool px_win_stream_done(px_win_stream *, int *error, DWORD *n);

/* ---- pipes with names, named.c ---- */

/* One more instance for the listener that has `fd`: a descriptor, or an error. */
int64_t px_win_pipe_more(int fd, int32_t *sys_error);
/* 0: a client has come to this instance; or a Win32 code, mostly "pending": `o` tells. */
int px_win_pipe_await(int fd, OVERLAPPED *o);
/* Where all pipes are: what a connect has until it has its own. */
int64_t px_win_pipe_root(int32_t *sys_error);
/* A client's end; PX_AGAIN: there is such a pipe, and no instance is free. */
int64_t px_win_pipe_connect(const proa_addr *, int32_t *sys_error);
/* The call that ends when one is free, or after a while: 0 or a Win32 code; pending is one. */
int px_win_pipe_wait(int root, const proa_addr *, OVERLAPPED *);
/* What it is, and the address of its name: 0 or -PROA_E... Waits for a read that waits in its call.
 */
bool px_win_is_pipe(int fd);
int px_win_pipe_addr(int fd, proa_addr *);

/* ---- the machine, machine.c ---- */

bool px_win_is_wine(void);
bool px_win_stay(
	void); /* if we are part of a DLL: it is never unloaded; false: it could not be told */
bool px_win_is_server(void); /* an edition for servers */
/* Opened for calls that wait, so that no port can have it. */
bool px_win_is_synchronous(int fd);
bool px_win_is_readable(int fd); /* may be read */

/* A function of a module that is loaded anyway, NULL if this version has none. The cast to its own
 * type is the caller's. */
typedef void px_win_any_fn(void);
px_win_any_fn *px_win_find(const wchar_t *module, const char *name);

#endif
