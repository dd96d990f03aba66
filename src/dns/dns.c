/* What a loop knows of names: made at first use, gone with the root. */
/* SPDX-License-Identifier: MIT */
#include "dns/dns.h"

#include "sys/sys.h"

#include <stdlib.h>
#include <string.h>

static void dns_closed(proa_handle *owner)
{
	px_dns *d = PX_OF(owner, px_dns, owner);
	px_core *core = d->core;

	px_evented_close(d);
	px_hosts_free(&d->hosts, &core->alloc);
	core->dns = NULL;
	px_free(&core->alloc, d, sizeof *d);
}

px_dns *px_dns_of(px_core *core)
{
	px_dns *d = core->dns;

	if (d || !(d = px_zalloc(&core->alloc, sizeof *d)))
		return d;
	d->core = core;
	px_handle_bind(&core->root, &d->owner);
	d->owner.flags |= PX_HF_PRESET;
	d->owner.closed = dns_closed;
	core->dns = d;
	return d;
}

/* PROA_HOSTS in the environment names another file, for tests. */
const char *px_dns_hosts(px_dns *d)
{
	const char *wish = getenv("PROA_HOSTS");

	if (d->core->system)
		return NULL;
	px_hosts_look(&d->hosts, &d->core->alloc, wish && *wish ? wish : NULL, d->core->now_ns);
	return d->hosts.text;
}

int proa_dns_servers(proa_loop *loop, const char *servers)
{
	px_core *core = px_core_of(loop);
	size_t len = servers ? strlen(servers) : 0;
	char before[sizeof((px_dns *)0)->servers];
	px_dns *d;
	int rc;

	px_core_enter(core);
	if (!px_evented_is() || core->system)
		return -PROA_ENOTSUP;
	if (servers && !len)
		return -PROA_EINVAL;
	if (len >= sizeof d->servers)
		return -PROA_ETOOLONG;
	if (!(d = px_dns_of(core)))
		return -PROA_ENOMEM;
	memcpy(before, d->servers, sizeof before);
	memcpy(d->servers, servers ? servers : "", len + 1);
	if ((rc = px_evented_servers(d)) < 0)
		memcpy(d->servers, before, sizeof before);
	return rc;
}
