/* The laboratory on a system without the interfaces that it shows. */
/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <stdio.h>

int px_lab_run(const px_lab_options *options, char *error, size_t size)
{
	(void)options;
	snprintf(error, size, "the laboratory measures Linux's interfaces; %s",
	         "epoll, io_uring and /proc are missing here");
	return 2;
}
