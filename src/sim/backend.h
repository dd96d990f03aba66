/* The backend "sim" from the inside: what its files share. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_SIM_BACKEND_H
#define PX_SIM_BACKEND_H

#include "sim/sim.h"

static inline px_simloop *px_simloop_of(const px_core *core)
{
	return core->backend;
}

/* The op is not at its socket any more: before it is finished, for its end may start the next. */
void px_sim_side_clear(px_simside *side);

/* ---- backend_send.c ---- */

/* What a send's bytes are, so that who changes them meanwhile is found out. */
uint64_t px_sim_send_sum(const px_op *op);
void px_sim_send_check(px_simside *side, const px_op *op);
void px_sim_try_send(px_core *core, px_simside *side);

/* ---- backend_msg.c ---- */

void px_sim_try_recv_msg(px_core *core, px_simside *side);
void px_sim_try_send_msg(px_core *core, px_simside *side);
void px_sim_try_send_msgs(px_core *core, px_simside *side);
px_pulled px_sim_pull_msg(px_core *core, px_op *op, px_simside *side);

#endif
