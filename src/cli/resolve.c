/* proa resolve: names to addresses, and addresses to names, all at once. */
/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SECONDS = 10 };

/* One look-up: of an address, whose name is asked for, or of a name. */
typedef struct query {
	const char *text;
	proa_op op;
	bool reverse;
	proa_resolve_request forward;
	proa_reverse_request back;
} query;

static const char *const hows[] = {
	[PROA_DNS_DEFAULT] = "default",
	[PROA_DNS_INLINE] = "inline",
	[PROA_DNS_POOL] = "pool",
	[PROA_DNS_EVENTED] = "evented",
};

static int how_of(const char *text)
{
	for (int i = 0; i < (int)(sizeof hows / sizeof *hows); i++)
		if (!strcmp(text, hows[i]))
			return i;
	return -1;
}

static void query_submit(query *q, proa_loop *loop, const cli_args *args, proa_dns how)
{
	int64_t ns = args->seconds > 0 ? (int64_t)(args->seconds * 1e9) : SECONDS * PROA_SEC;
	const char *own = args->family && *args->family == '6' ? "::1" : "127.0.0.1";
	proa_addr literal, like;

	q->op.deadline_ns = proa_in(loop, ns);
	q->forward.name = q->text;
	q->forward.how = q->back.how = how;
	if (args->family && proa_addr_parse(&like, own, 0) == 0)
		q->forward.family = like.family;
	/* Of an address its name is asked for, unless it is one with more to it, as a port. */
	q->reverse = !strpbrk(q->text, "/*") && proa_addr_parse(&literal, q->text, 0) == 0 &&
	             !proa_addr_port(&literal);
	if (q->reverse) {
		q->back.addr = literal;
		proa_reverse(proa_root(loop), &q->op, &q->back, NULL);
	} else {
		proa_resolve(proa_root(loop), &q->op, &q->forward, NULL);
	}
}

/* Without the port and the brackets that go with it. */
static const char *addr_text(const proa_addr *addr)
{
	static char text[PROA_ADDR_TEXT];
	char *end, *begin = text;

	if (proa_addr_print(addr, text, sizeof text) < 0)
		return "?";
	if ((end = strrchr(text, ':')))
		*end = 0;
	if (*text == '[' && (end = strrchr(text, ']'))) {
		*end = 0;
		begin++;
	}
	return begin;
}

/* ---- for people ---- */

static void print_text(const query *q)
{
	if (q->op.result == -PROA_EINVAL) {
		cli_fail("'%s' is neither a name nor an address", q->text);
		return;
	}
	if (q->op.result < 0) {
		cli_fail("%s: %s", q->text, proa_err_text((int)q->op.result));
		return;
	}
	if (q->reverse)
		printf("%s %s\n", q->text, q->back.name);
	for (unsigned i = 0; !q->reverse && i < q->forward.n; i++)
		printf("%s %s\n", q->text, addr_text(&q->forward.addr[i]));
}

/* ---- for programs ---- */

static void print_json(const query *q, bool first)
{
	printf("%s\n  {\"query\": ", first ? "" : ",");
	cli_print_json(q->text);
	if (q->op.result < 0) {
		printf(", \"error\": ");
		cli_print_json(proa_err_name((int)q->op.result));
	} else if (q->reverse) {
		printf(", \"name\": ");
		cli_print_json(q->back.name);
	} else {
		printf(", \"addresses\": [");
		for (unsigned i = 0; i < q->forward.n; i++) {
			printf("%s", i ? ", " : "");
			cli_print_json(addr_text(&q->forward.addr[i]));
		}
		printf("], \"ttl_s\": %" PRId64, q->forward.ttl_ns / PROA_SEC);
	}
	printf("}");
}

static int results_print(const cli_args *args, const query *q)
{
	int status = CLI_OK;

	printf(args->json ? "[" : "");
	for (unsigned i = 0; i < args->n_names; i++) {
		if (args->json)
			print_json(&q[i], i == 0);
		else
			print_text(&q[i]);
		if (q[i].op.result < 0)
			status = CLI_FAILED;
	}
	printf(args->json ? "\n]\n" : "");
	return cli_written(status);
}

static int servers_set(proa_loop *loop, const cli_args *args)
{
	int rc = args->servers ? proa_dns_servers(loop, args->servers) : 0;

	if (rc == -PROA_ENOTSUP)
		return cli_fail("this proa was built without c-ares, so it asks no servers itself");
	if (rc < 0)
		return cli_fail("'%s' are no servers; they look like 9.9.9.9,127.0.0.1:5353",
		                args->servers);
	return CLI_OK;
}

static int resolve_run(const cli_args *args)
{
	static query queries[CLI_NAMES_MAX];
	int how = how_of(args->how ? args->how : args->servers ? "evented" : "default");
	proa_loop *loop;
	int rc;

	if (!args->n_names)
		return cli_fail("resolve needs a name or an address");
	if (how < 0)
		return cli_fail("--how takes default, inline, pool or evented, not '%s'",
		                args->how);
	if ((rc = proa_loop_open(&loop, NULL)) < 0)
		return cli_fail_backend(args, rc);
	if ((rc = servers_set(loop, args)) == CLI_OK) {
		for (unsigned i = 0; i < args->n_names; i++) {
			queries[i].text = args->names[i];
			query_submit(&queries[i], loop, args, (proa_dns)how);
		}
		for (unsigned i = 0; i < args->n_names; i++)
			proa_await(loop, &queries[i].op);
		rc = results_print(args, queries);
	}
	fflush(stdout);
	/* A look-up that hangs in its thread has been answered for, and is not waited for. */
	proa_loop_close(&loop, proa_clock(loop) + PROA_SEC / 10);
	return rc;
}

const cli_command cli_resolve = {
	.name = "resolve",
	.usage = "NAME... [--how HOW] [--family 4|6] [--servers LIST] [--seconds S] [--json]",
	.about = "Looks up names, and of addresses their names, all at once.",
	.help = "  --how HOW       default: as the system is set up, in threads\n"
		"                  inline:  the hosts file, nobody is asked\n"
		"                  pool:    getaddrinfo in threads, also of what needs none\n"
		"                  evented: the hosts file, then servers, without a thread\n"
		"  --family 4|6    addresses of that family only\n"
		"  --servers LIST  whom to ask, as 9.9.9.9,127.0.0.1:5353; means evented\n"
		"  --seconds S     how long to wait at most (10)\n"
		"  --json          an array: query, addresses and ttl_s, or name, or error\n"
		"\nThe exit status is 2 if one of them has no answer.\n",
	.takes = CLI_NAMES | CLI_JSON,
	.run = resolve_run,
};
