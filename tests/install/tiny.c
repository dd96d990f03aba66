/* The least program that uses an installed proa: compiled, linked and run by the install test. */
/* SPDX-License-Identifier: MIT */
#include <proa.h>
#include <stdio.h>

int main(void)
{
	proa_loop *loop;
	int rc = proa_loop_open(&loop, NULL);

	if (rc < 0) {
		fprintf(stderr, "tiny: %s\n", proa_err_text(rc));
		return 1;
	}
	printf("proa %s on %s\n", PROA_VERSION, proa_loop_backend(loop));
	return proa_loop_close(&loop, 0) < 0;
}
