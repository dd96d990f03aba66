/* Marks memory as not to be touched, where AddressSanitizer is compiled in; else nothing. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_BASE_POISON_H
#define PX_BASE_POISON_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define PX_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PX_ASAN 1
#endif
#endif

/* The byte that freed memory is filled with in builds that look for bugs. */
#define PX_POISON_BYTE 0xdd

#ifdef PX_ASAN

/* Declared here because the sanitizer's own header is a system header. */
void __asan_poison_memory_region(void const volatile *p, size_t bytes);
void __asan_unpoison_memory_region(void const volatile *p, size_t bytes);

static inline void px_poison(const void *p, size_t bytes)
{
	__asan_poison_memory_region(p, bytes);
}

static inline void px_unpoison(const void *p, size_t bytes)
{
	__asan_unpoison_memory_region(p, bytes);
}

#else

static inline void px_poison(const void *p, size_t bytes)
{
	(void)p;
	(void)bytes;
}

static inline void px_unpoison(const void *p, size_t bytes)
{
	(void)p;
	(void)bytes;
}

#endif

#endif
