/* Built without c-ares: nothing is asked on the loop's own thread. */
/* SPDX-License-Identifier: MIT */
#include "dns/dns.h"

bool px_evented_is(void)
{
	return false;
}

void px_evented_resolve(px_dns *d, px_op *op, const char *name, uint16_t port)
{
	PX_UNUSED(d);
	PX_UNUSED(name);
	PX_UNUSED(port);
	px_op_finish(op, -PROA_ENOTSUP, 0, 0);
}

void px_evented_reverse(px_dns *d, px_op *op, const proa_addr *addr)
{
	PX_UNUSED(d);
	PX_UNUSED(addr);
	px_op_finish(op, -PROA_ENOTSUP, 0, 0);
}

void px_evented_forget(px_question *q)
{
	PX_UNUSED(q);
}

int px_evented_servers(px_dns *d)
{
	PX_UNUSED(d);
	return -PROA_ENOTSUP;
}

void px_evented_close(px_dns *d)
{
	PX_UNUSED(d);
}
