/* A fuzz target under libFuzzer, which finds the inputs. */
/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const fuzz_target *the_target;

void fuzz_add(fuzz_target *target)
{
	the_target = target;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	the_target->run(data, size);
	return 0;
}
