/* Small arithmetic, magic words, and what happens when an assertion fails. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_BASE_UTIL_H
#define PX_BASE_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ends the program with one line on stderr. The only thing the library ever prints, and only for
 * a fault in a program (the caller's or ours), never for one in the world. From any thread.
 * Defined on the sys floor, because it writes. */
_Noreturn void px_panic(const char *message, const char *file, int line);

/* Stays on in release builds. For what a correct program cannot do; never for a system call. */
#define px_assert(cond) \
	((cond) ? (void)0 : px_panic("assertion failed: " #cond, __FILE__, __LINE__))

/* For misuse by the caller, with a sentence that says what was wrong. */
#define PX_PANIC(message) px_panic((message), __FILE__, __LINE__)

#define PX_UNUSED(x)    ((void)(x))
#define PX_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#if defined(__GNUC__) || defined(__clang__)
#define PX_LIKELY(cond)      __builtin_expect(!!(cond), 1)
#define PX_UNLIKELY(cond)    __builtin_expect(!!(cond), 0)
/* Has a line of memory come that is about to be written. Any address will do. */
#define PX_PREFETCH(address) __builtin_prefetch((const void *)(address), 1)
#else
#define PX_LIKELY(cond)      (cond)
#define PX_UNLIKELY(cond)    (cond)
#define PX_PREFETCH(address) ((void)(address))
#endif

/* Evaluate both arguments once or twice: no side effects in them. */
#define PX_MIN(a, b) ((a) < (b) ? (a) : (b))
#define PX_MAX(a, b) ((a) > (b) ? (a) : (b))

#define PX_CACHE_LINE 64u

/* ---- magic words: the first member of every struct that lives long ----
 *
 * Set when the struct becomes valid, checked where one enters a module, and overwritten when it
 * dies, so that a stale or foreign pointer is named at the door. */
#define PX_MAGIC(a, b, c, d) \
	((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
#define PX_MAGIC_DEAD             PX_MAGIC('d', 'e', 'a', 'd')
#define PX_MAGIC_CHECK(ptr, word) px_assert((ptr) && (ptr)->magic == (word))
#define PX_MAGIC_KILL(ptr)        ((void)((ptr)->magic = PX_MAGIC_DEAD))

/* ---- bits and sizes ---- */

/* The number of zero bits below the lowest one; x must not be 0. */
static inline unsigned px_ctz64(uint64_t x)
{
	return (unsigned)__builtin_ctzll(x);
}

/* The index of the highest one bit; x must not be 0. */
static inline unsigned px_log2_64(uint64_t x)
{
	return 63u - (unsigned)__builtin_clzll(x);
}

static inline uint64_t px_rotr64(uint64_t x, unsigned n)
{
	return x >> (n & 63u) | x << (-n & 63u);
}

static inline uint64_t px_rotl64(uint64_t x, unsigned n)
{
	return x << (n & 63u) | x >> (-n & 63u);
}

static inline bool px_is_pow2(uint64_t x)
{
	return x && !(x & (x - 1));
}

/* The least power of two >= x: 1 for 0, and 0 if there is none in 64 bits. */
static inline uint64_t px_pow2_up(uint64_t x)
{
	if (x <= 1)
		return 1;
	if (x > UINT64_C(1) << 63)
		return 0;
	return UINT64_C(1) << (px_log2_64(x - 1) + 1);
}

/* Round `n` up or down to a multiple of `align`, a power of two. */
static inline size_t px_align_up(size_t n, size_t align)
{
	return (n + align - 1) & ~(align - 1);
}

static inline size_t px_align_down(size_t n, size_t align)
{
	return n & ~(align - 1);
}

/* ---- arithmetic that cannot wrap ---- */

/* False, and *out untouched, if the product does not fit. */
static inline bool px_mul_size(size_t a, size_t b, size_t *out)
{
	if (b && a > SIZE_MAX / b)
		return false;
	*out = a * b;
	return true;
}

/* For times: a deadline far beyond the end of the clock is "never", not one long past. */
static inline int64_t px_add_sat(int64_t a, int64_t b)
{
	if (b > 0 && a > INT64_MAX - b)
		return INT64_MAX;
	if (b < 0 && a < INT64_MIN - b)
		return INT64_MIN;
	return a + b;
}

static inline int64_t px_sub_sat(int64_t a, int64_t b)
{
	if (b < 0 && a > INT64_MAX + b)
		return INT64_MAX;
	if (b > 0 && a < INT64_MIN + b)
		return INT64_MIN;
	return a - b;
}

/* ---- hashes: for tables that no attacker fills ---- */

/* 64-bit FNV-1a (Fowler, Noll, Vo). Chain calls by passing the last result as `seed`. */
#define PX_FNV_SEED UINT64_C(0xcbf29ce484222325)

static inline uint64_t px_fnv(uint64_t seed, const void *data, size_t bytes)
{
	const unsigned char *p = data;
	uint64_t hash = seed;

	for (size_t i = 0; i < bytes; i++)
		hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
	return hash;
}

/* A bijection of 64 bits in which each input bit moves about half of the output bits: the
 * finaliser of splitmix64 (Steele, Lea and Flood, 2014, variant 13 of Stafford). */
static inline uint64_t px_mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

#endif
