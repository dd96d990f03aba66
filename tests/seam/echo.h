/* Does a loop work? An echo through it; and what the doctor says of a backend. */
/* SPDX-License-Identifier: MIT */
#ifndef SEAM_ECHO_H
#define SEAM_ECHO_H

#include "proa.h"
#include "proa/doctor.h"
#include "test.h"

#include <string.h>

/* Listens, connects to itself, sends both ways, on `loop` alone. */
bool echo_works(proa_loop *loop);
/* The doctor's line of `backend`: whether it works, and why not, with `says` in it. */
bool doctor_says(const char *backend, bool works, const char *says);

#endif
