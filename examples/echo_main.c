/* echo [ADDRESS]: sends back what it receives, on up to 1000 connections, idle ones for 30 s. */
/* SPDX-License-Identifier: MIT */
#include "echo.h"
#include "example.h"

int main(int argc, char **argv)
{
	struct echo e;
	proa_loop *loop;
	int rc = proa_loop_open(&loop, NULL);

	if (rc < 0)
		return say_error("echo", rc);
	rc = echo_start(&e, loop, argc > 1 ? argv[1] : "127.0.0.1:7777", 1000, 30 * PROA_SEC);
	if (rc == 0) {
		say_where(&e.h);
		proa_run(loop);
	}
	proa_loop_close(&loop, 0);
	return rc < 0 ? say_error("echo", rc) : 0;
}
