/* Arithmetic at the ends of its types. */
/* SPDX-License-Identifier: MIT */
#include "base/util.h"

#include "test.h"

TEST(util_bits)
{
	CHECK(px_ctz64(1) == 0 && px_ctz64(UINT64_C(1) << 63) == 63);
	CHECK(px_log2_64(1) == 0 && px_log2_64(UINT64_MAX) == 63 && px_log2_64(64) == 6);
	CHECK(px_rotr64(1, 1) == UINT64_C(1) << 63 && px_rotr64(5, 0) == 5);
	CHECK(px_rotl64(UINT64_C(1) << 63, 1) == 1 && px_rotl64(5, 64) == 5);
	CHECK(px_is_pow2(1) && px_is_pow2(64) && !px_is_pow2(0) && !px_is_pow2(65));
	CHECK(px_pow2_up(0) == 1 && px_pow2_up(1) == 1 && px_pow2_up(2) == 2 && px_pow2_up(3) == 4);
	CHECK(px_pow2_up(UINT64_C(1) << 63) == UINT64_C(1) << 63);
	CHECK(px_pow2_up((UINT64_C(1) << 63) + 1) == 0);
	CHECK(px_align_up(0, 8) == 0 && px_align_up(1, 8) == 8 && px_align_up(8, 8) == 8);
	CHECK(px_align_down(15, 8) == 8);
}

TEST(util_saturates)
{
	size_t product = 5;

	CHECK(px_add_sat(INT64_MAX, 1) == INT64_MAX);
	CHECK(px_add_sat(INT64_MIN, -1) == INT64_MIN);
	CHECK(px_add_sat(INT64_MAX, INT64_MIN) == -1);
	CHECK(px_add_sat(3, -5) == -2);
	CHECK(px_sub_sat(INT64_MIN, 1) == INT64_MIN);
	CHECK(px_sub_sat(0, INT64_MIN) == INT64_MAX);
	CHECK(px_sub_sat(-1, INT64_MIN) == INT64_MAX);
	CHECK(px_sub_sat(3, 5) == -2);
	CHECK(!px_mul_size(SIZE_MAX, 2, &product) && product == 5);
	CHECK(px_mul_size(SIZE_MAX, 0, &product) && product == 0);
	CHECK(px_mul_size(6, 7, &product) && product == 42);
}

/* FNV's and splitmix64's published values. */
TEST(util_hashes)
{
	CHECK(px_fnv(PX_FNV_SEED, "", 0) == PX_FNV_SEED);
	CHECK(px_fnv(PX_FNV_SEED, "a", 1) == UINT64_C(0xaf63dc4c8601ec8c));
	CHECK(px_fnv(PX_FNV_SEED, "foobar", 6) == UINT64_C(0x85944171f73967e8));
	CHECK(px_mix(0) == 0);
	CHECK(px_mix(UINT64_C(0x9e3779b97f4a7c15)) == UINT64_C(0xe220a8397b1dcdaf));
}

static void misuse(void)
{
	PX_PANIC("an op was submitted while in flight");
}

static void broken_invariant(void)
{
	px_assert(1 + 1 == 3);
}

static void long_message(void)
{
	char text[2000];

	for (size_t i = 0; i < sizeof text; i++)
		text[i] = 'x';
	text[sizeof text - 1] = 0;
	px_panic(text, "file.c", 1);
}

TEST(util_panic_says_what_and_where)
{
	CHECK_DIES(misuse, "proa: an op was submitted while in flight (");
	CHECK_DIES(misuse, "util_test.c:");
	CHECK_DIES(broken_invariant, "assertion failed: 1 + 1 == 3");
	CHECK_DIES(long_message, "xxxxxxxx\n");
}
