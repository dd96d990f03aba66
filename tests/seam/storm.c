/* For programs with a main of their own: the rule of SEAM_RULE holds; SEAM_SAYS tells hits. */
/* SPDX-License-Identifier: MIT */
#include "seam/seam.h"

#include <stdio.h>
#include <stdlib.h>

static void storm_told(void)
{
	long calls = 0;

	for (int i = 0; i < SEAM_CALL_COUNT; i++)
		calls += seam_now->calls[i];
	printf("%ld of %ld calls struck\n", seam_now->hits, calls);
}

__attribute__((constructor)) static void storm_begin(void)
{
	const char *rule = getenv("SEAM_RULE"), *wrong = rule ? seam_rule_set(rule) : NULL;

	if (wrong) {
		fprintf(stderr, "SEAM_RULE: %s\n", wrong);
		exit(2);
	}
	seam_armed = rule != NULL;
	seam_says = getenv("SEAM_SAYS") != NULL;
	if (rule)
		atexit(storm_told);
}
