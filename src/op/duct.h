/* Ducts: the pipes through which bytes go from one stream to another within the kernel. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_OP_DUCT_H
#define PX_OP_DUCT_H

#include "op/core.h"

/* Taken when bytes may be there, and given back as soon as they have gone on: so who waits for
 * bytes has none, and a loop needs as many as there are readers that stall. Zero is no duct. */
typedef struct px_duct {
	int32_t rd, wr;
} px_duct;

enum {
#ifdef PX_TORTURE
	PX_DUCTS_MOST = 2,
#else
	PX_DUCTS_MOST = 256, /* of a loop: two descriptors each, and 64 KiB in the kernel */
#endif
	PX_DUCT_BYTES = 64 * 1024 /* what a pipe holds at most, as it is made */
};

/* 0, or -PROA_E...: ENOTSUP (there are none), EMFILE (also: enough are out)... */
int px_duct_take(px_core *core, px_duct *duct, int32_t *sys_error);
/* `clean`: nothing is in it. */
void px_duct_give(px_core *core, px_duct *duct, bool clean);
void px_ducts_close(px_core *core); /* those that are kept */

#endif
