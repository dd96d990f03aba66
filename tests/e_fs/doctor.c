/* The doctor: one backend works at least, what is chosen works, and nothing is left open. */
/* SPDX-License-Identifier: MIT */
#include "proa/doctor.h"

#include "proa.h"
#include "test.h"

#include <string.h>

static const proa_doctor_item *find(const proa_doctor_report *r, const char *name)
{
	for (unsigned i = 0; i < r->backends; i++)
		if (!strcmp(r->backend[i].name, name))
			return &r->backend[i];
	return NULL;
}

TEST(doctor_looks)
{
	static proa_doctor_report r;
	const proa_doctor_item *chosen;

	proa_doctor(&r);
	CHECK_EQ(r.op_bytes, sizeof(proa_op));
	CHECK_GE(r.cpus, 1);
	CHECK(r.files_max == -1 || r.files_max > 2);
	CHECK(strlen(r.system) > 5);
	chosen = find(&r, r.chosen);
	REQUIRE(chosen != NULL);
	CHECK(chosen->works);
	CHECK_GE(r.backends, 1);
	chosen = &r.backend[r.backends - 1]; /* the last one works wherever the system runs */
	CHECK(chosen->works);
	for (unsigned i = 0; i < r.backends; i++)
		test_note("%s: %s %s", r.backend[i].name, r.backend[i].works ? "works" : "does not",
		          r.backend[i].why);
}
