/* Opening a loop: options, backends by name, the size handshake, the allocator. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"
#include "proa/doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The one that is chosen last, so that nobody takes it for what is chosen anyway. */
static const char *last_choice(void)
{
	static proa_doctor_report r;
	const char *name = "none";

	proa_doctor(&r);
	for (unsigned i = 0; i < r.backends; i++)
		if (r.backend[i].works)
			name = r.backend[i].name;
	return name;
}

TEST(open_says_its_backend)
{
	LOOP(loop);
	if (test_backend)
		CHECK_STR(proa_loop_backend(loop), test_backend);
	CHECK(proa_loop_backend(loop) != NULL);
	kit_close(&loop);
	CHECK(loop == NULL);
}

TEST(open_refuses_other_sizes)
{
	proa_loop_options o = {.size = sizeof o - 8};
	proa_loop *loop = (proa_loop *)&o;

	CHECK_EQ(proa_loop_open(&loop, &o), -PROA_ESIZES);
	CHECK(loop == NULL);
	o.size = sizeof o;
	CHECK_EQ(proa_loop_open(&loop, &o), 0);
	CHECK_EQ(proa_loop_close(&loop, 0), 0);
}

TEST(open_unknown_backend)
{
	proa_loop_options o = {.backend = "carrier-pigeon"};
	proa_loop *loop;

	CHECK_EQ(proa_loop_open(&loop, &o), -PROA_EINVAL);
	CHECK(loop == NULL);
}

TEST(open_backend_from_environment)
{
	const char *before = getenv("PROA_BACKEND");
	char saved[64] = "";
	proa_loop_options last = {.backend = last_choice()};
	proa_loop *loop;

	if (before)
		snprintf(saved, sizeof saved, "%s", before);
	host_setenv("PROA_BACKEND", "carrier-pigeon");
	CHECK_EQ(proa_loop_open(&loop, NULL), -PROA_EINVAL);
	CHECK_EQ(proa_loop_open(&loop, &last), 0); /* the option is stronger */
	CHECK_STR(proa_loop_backend(loop), last.backend);
	CHECK_EQ(proa_loop_close(&loop, 0), 0);
	host_setenv("PROA_BACKEND", last.backend);
	CHECK_EQ(proa_loop_open(&loop, NULL), 0);
	CHECK_STR(proa_loop_backend(loop), last.backend);
	CHECK_EQ(proa_loop_close(&loop, 0), 0);
	host_setenv("PROA_BACKEND", ""); /* empty is none */
	CHECK_EQ(proa_loop_open(&loop, NULL), 0);
	CHECK_EQ(proa_loop_close(&loop, 0), 0);
	host_setenv("PROA_BACKEND", before ? saved : NULL);
}

TEST(open_survives_failing_allocations)
{
	proa_loop_options o = {.backend = test_backend ? test_backend : last_choice(),
	                       .alloc = kit_alloc,
	                       .alloc_user = &kit_mem};
	proa_loop *loop;
	int rc = -PROA_ENOMEM;
	long k;

	for (k = 1; k < 100 && rc; k++) {
		kit_mem = (kit_memory){.fail_at = k};
		rc = proa_loop_open(&loop, &o);
		if (rc == -PROA_ENOTSUP && !kit_mem.failed)
			SKIP("%s cannot work here", o.backend);
		if (!rc)
			break;
		CHECK(rc == -PROA_ENOMEM || rc == -PROA_ENOTSUP);
		CHECK(loop == NULL);
		CHECK_EQ(kit_mem.blocks, 0);
		CHECK_EQ(kit_mem.bytes, 0);
	}
	CHECK_GT(k, 1);
	CHECK_EQ(rc, 0);
	CHECK_EQ(kit_mem.failed, 0);
	CHECK_EQ(proa_loop_close(&loop, 0), 0);
	CHECK_EQ(kit_mem.blocks, 0);
}

TEST(open_uses_the_allocator_only)
{
	proa_stats stats;
	LOOP(loop);

	CHECK_GT(kit_mem.blocks, 0);
	kit_once(loop, 0);
	proa_loop_stats(loop, &stats);
	CHECK_EQ(stats.memory_bytes, kit_mem.bytes);
	CHECK_EQ(stats.memory_blocks, kit_mem.blocks);
	CHECK_EQ(stats.allocations, kit_mem.calls);
	kit_close(&loop);
}

TEST(open_lends_its_allocator)
{
	LOOP(loop);
	long blocks = kit_mem.blocks, bytes = kit_mem.bytes;
	char *p = proa_loop_alloc(loop, NULL, 0, 5);

	REQUIRE(p != NULL);
	CHECK(kit_mem.blocks == blocks + 1 && kit_mem.bytes == bytes + 5);
	memcpy(p, "four", 5);
	p = proa_loop_alloc(loop, p, 5, 5000);
	REQUIRE(p != NULL);
	CHECK_STR(p, "four");
	kit_mem.fail_at = kit_mem.calls + 1;
	CHECK(proa_loop_alloc(loop, p, 5000, 9000) == NULL);
	CHECK_STR(p, "four");
	CHECK(proa_loop_alloc(loop, p, 5000, 0) == NULL);
	CHECK(kit_mem.blocks == blocks && kit_mem.bytes == bytes);
	CHECK(proa_loop_alloc(loop, NULL, 0, 0) == NULL);
	kit_close(&loop);
}

TEST(open_lends_the_c_librarys)
{
	char *p = proa_loop_alloc(NULL, NULL, 0, 5);

	REQUIRE(p != NULL);
	memcpy(p, "four", 5);
	p = proa_loop_alloc(NULL, p, 5, 5000);
	REQUIRE(p != NULL);
	CHECK_STR(p, "four");
	CHECK(proa_loop_alloc(NULL, p, 5000, 0) == NULL);
	CHECK(proa_loop_alloc(NULL, NULL, 0, 0) == NULL);
}

TEST(open_user_and_clock)
{
	int user;
	proa_loop_options o = {.user = &user};
	proa_loop *loop = kit_open(&o);

	if (!loop)
		return;
	CHECK(proa_loop_user(loop) == &user);
	proa_loop_set_user(loop, NULL);
	CHECK(proa_loop_user(loop) == NULL);
	CHECK_LE(proa_now(loop), proa_clock(loop));
	CHECK_EQ(proa_in(loop, 5), proa_now(loop) + 5);
	CHECK_EQ(proa_in(loop, 0), proa_now(loop));
	CHECK_EQ(proa_in(loop, -1), 0);
	CHECK_EQ(proa_in(loop, INT64_MAX), INT64_MAX);
	CHECK(proa_handle_loop(proa_root(loop)) == loop);
	CHECK(!proa_is_closing(proa_root(loop)));
	kit_close(&loop);
}

TEST(open_close_many_loops)
{
	for (int i = 0; i < 50; i++) {
		LOOP(loop);
		kit_once(loop, 0);
		kit_close(&loop);
	}
}

TEST(open_close_of_null_and_unused)
{
	proa_loop *none = NULL;
	LOOP(loop);

	CHECK_EQ(proa_loop_close(&none, 0), 0);
	kit_close(&loop);
}

TEST(sizes)
{
	const char *backend = test_backend ? test_backend : "";

	/* A kernel that wants a record of its own beside each op has it in the op. */
	CHECK_LE(sizeof(proa_op), strcmp(backend, "iocp") ? 128 : 160);
	CHECK_LE(sizeof(proa_handle), 104);
}

TEST(stats_kinds_have_names)
{
	unsigned n = 0;

	while (proa_stats_kind(n)) {
		CHECK_GT(strlen(proa_stats_kind(n)), 0);
		n++;
	}
	CHECK_GE(n, 15);
	CHECK_LE(n, 64);
	CHECK(proa_stats_kind(1000) == NULL);
}
