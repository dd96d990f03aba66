/* How the models on proa begin: a loop, a server, its address. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_LAB_MODELS_PROA_SERVE_H
#define PX_LAB_MODELS_PROA_SERVE_H

#include "proa.h"

/* Runs until a signal ends the process; dies if it cannot start. */
_Noreturn void px_lab_proa_serve(const char *addr, const proa_loop_options *with,
                                 const proa_serve_options *options);

#endif
