/* A small seeded random generator: the same seed gives the same numbers on every system. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_BASE_RNG_H
#define PX_BASE_RNG_H

#include "base/util.h"

#include <stdbool.h>
#include <stdint.h>

/* xoshiro256** 1.0 (Blackman and Vigna, 2018), period 2^256 - 1. Not for secrets. */
typedef struct px_rng {
	uint64_t state[4];
} px_rng;

/* The next number of splitmix64 from a counter: good enough to seed others, whatever the seed. */
static inline uint64_t px_splitmix64(uint64_t *counter)
{
	*counter += UINT64_C(0x9e3779b97f4a7c15);
	return px_mix(*counter);
}

/* Any seed will do, 0 too. */
static inline void px_rng_init(px_rng *rng, uint64_t seed)
{
	for (unsigned i = 0; i < 4; i++)
		rng->state[i] = px_splitmix64(&seed);
}

static inline uint64_t px_rng_next(px_rng *rng)
{
	uint64_t *s = rng->state;
	uint64_t result = px_rotl64(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = px_rotl64(s[3], 45);
	return result;
}

/* Uniform in [0, n); n must not be 0. Draws again rather than favour the small numbers. */
static inline uint64_t px_rng_below(px_rng *rng, uint64_t n)
{
	uint64_t reject = -n % n; /* 2^64 mod n */
	uint64_t x;

	do
		x = px_rng_next(rng);
	while (x < reject);
	return x % n;
}

/* Uniform in [low, high], both inclusive. */
static inline uint64_t px_rng_between(px_rng *rng, uint64_t low, uint64_t high)
{
	uint64_t width = high - low + 1;

	return low + (width ? px_rng_below(rng, width) : px_rng_next(rng));
}

/* True with probability per_million / 1,000,000. */
static inline bool px_rng_chance(px_rng *rng, uint32_t per_million)
{
	return px_rng_below(rng, 1000000) < per_million;
}

#endif
