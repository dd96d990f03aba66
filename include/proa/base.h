/* The ground of the public headers: visibility, C++ linkage, units, the names of the types. */
/* SPDX-License-Identifier: MIT */
#ifndef PROA_BASE_H
#define PROA_BASE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define PROA_C_BEGIN       extern "C" {
#define PROA_C_END         }
#define PROA_STATIC_ASSERT static_assert
#else
#define PROA_C_BEGIN
#define PROA_C_END
#define PROA_STATIC_ASSERT _Static_assert
#endif

/* On Windows a program that links the DLL defines PROA_SHARED; the DLL itself is built with
 * PROA_BUILD_SHARED. */
#if defined(_WIN32) && defined(PROA_BUILD_SHARED)
#define PROA_API __declspec(dllexport)
#elif defined(_WIN32) && defined(PROA_SHARED)
#define PROA_API __declspec(dllimport)
#elif defined(_WIN32)
#define PROA_API
#elif defined(__GNUC__)
#define PROA_API __attribute__((visibility("default")))
#else
#define PROA_API
#endif

/* Hidden words of an op. On Windows the system writes into an op in flight (its OVERLAPPED), so it
 * is 160 bytes instead of 128. */
#if defined(_WIN32)
#define PROA_OP_WORDS 14
#else
#define PROA_OP_WORDS 10
#endif

/* What C++ has only as an extension of its compilers: the open array at a struct's end. */
#if defined(__GNUC__)
#define PROA_EXTENSION __extension__
#else
#define PROA_EXTENSION
#endif

/* Times are int64_t nanoseconds. A deadline is absolute, on the loop's clock (proa_now); 0 is
 * "none". */
#define PROA_USEC INT64_C(1000)
#define PROA_MSEC INT64_C(1000000)
#define PROA_SEC  INT64_C(1000000000)
/* A deadline that is always past: look, do not wait. */
#define PROA_POLL INT64_C(1)

/* From a pointer to a member to the struct around it. */
#define PROA_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

typedef struct proa_loop proa_loop; /* one completion queue and the thread that runs it */
typedef struct proa_op proa_op;     /* one submitted request; the caller's memory */
typedef struct proa_handle
	proa_handle; /* a socket or file on a loop, and the owner of what belongs to it */
typedef struct proa_buffers
	proa_buffers; /* a pool of memory lent to recvs when their bytes are there */
typedef struct proa_workers proa_workers; /* threads for what only blocks */
typedef struct proa_group proa_group;     /* several loops, one a thread, serving together */

typedef intptr_t proa_os_handle; /* a file descriptor, a SOCKET, a HANDLE */

/* An accepted connection that no handle has adopted yet. A value: any thread may carry it, exactly
 * one of proa_adopt and proa_socket_close ends it. All zero is none. */
typedef struct proa_socket {
	uint64_t id;
} proa_socket;

/* Called on the loop's thread. In the final call (PROA_MORE not in op->got) the op is idle: submit
 * it again, change it or free it. */
typedef void proa_done(proa_op *);
/* Called on the loop's thread when nothing of the handle can come any more: free it or init it
 * again. Its `user` is still set, the rest is zero. */
typedef void proa_closed(proa_handle *);
#endif
