/* The server as a whole: options, the loops it serves on, its end. */
/* SPDX-License-Identifier: MIT */
#include "http/server.h"

#include <stdlib.h>
#include <string.h>

static void options_fill(proa_http_options *o)
{
	o->head_max_bytes = o->head_max_bytes ? o->head_max_bytes : 16 * 1024;
	o->body_max_bytes = o->body_max_bytes ? o->body_max_bytes : 1024 * 1024;
	o->out_max_bytes = o->out_max_bytes ? o->out_max_bytes : 256 * 1024;
	o->head_ns = o->head_ns ? o->head_ns : 10 * PROA_SEC;
	o->idle_ns = o->idle_ns ? o->idle_ns : 30 * PROA_SEC;
	o->requests_max = o->requests_max ? o->requests_max : 10000;
	if (o->body_max_bytes > INT64_MAX)
		o->body_max_bytes = INT64_MAX;
}

/* Opens the folder once, on a loop of its own, so that a wrong one is told here and not to each
 * client. */
static int folder_check(const char *folder)
{
	proa_loop *loop;
	proa_handle h = {0};
	proa_op op = {0};
	int rc = proa_loop_open(&loop, NULL);

	if (rc < 0)
		return rc;
	proa_handle_init(proa_root(loop), &h);
	proa_file_open(&h, &op, folder, PROA_O_READ | PROA_O_DIR, 0, NULL);
	rc = (int)proa_await(loop, &op);
	proa_loop_close(&loop, 0);
	return rc;
}

static char *text_copy(const char *text)
{
	size_t bytes = strlen(text) + 1;
	char *copy = malloc(bytes);

	return copy ? memcpy(copy, text, bytes) : NULL;
}

int proa_http_open(proa_http **out, const proa_http_options *options)
{
	proa_http *http;
	int rc;

	*out = NULL;
	if (!options || (options->size && options->size != sizeof *options) ||
	    (!options->handler && !options->folder))
		return -PROA_EINVAL;
	if (options->folder && (rc = folder_check(options->folder)) < 0)
		return rc;
	http = calloc(1, sizeof *http);
	if (!http)
		return -PROA_ENOMEM;
	http->magic = PX_HTTP_MAGIC;
	http->o = *options;
	options_fill(&http->o);
	http->o.folder = NULL;
	if (options->folder && !(http->folder = text_copy(options->folder))) {
		proa_http_close(&http);
		return -PROA_ENOMEM;
	}
	*out = http;
	return 0;
}

void proa_http_close(proa_http **http)
{
	px_service *service;

	if (!*http)
		return;
	PX_MAGIC_CHECK(*http, PX_HTTP_MAGIC);
	while ((service = (*http)->services)) {
		(*http)->services = service->next;
		for (unsigned i = 0; i < service->locals; i++)
			px_local_check(&service->local[i]);
		free(service);
	}
	free((*http)->folder);
	PX_MAGIC_KILL(*http);
	free(*http);
	*http = NULL;
}

static px_service *service_new(proa_http *http, unsigned locals)
{
	px_service *service = calloc(1, sizeof *service + locals * sizeof service->local[0]);

	if (!service)
		return NULL;
	service->http = http;
	service->locals = locals;
	service->next = http->services;
	http->services = service;
	return service;
}

static proa_serve_options serve_options(proa_http *http, px_service *service)
{
	return (proa_serve_options){
		.conn_bytes = sizeof(px_conn) + (http->o.log ? PX_PEER_TEXT : 0),
		.conn_max = http->o.conn_max,
		.idle_ns = http->o.idle_ns,
		.start = px_conn_start,
		.drain = px_conn_drain,
		.user = service,
		.listen = http->o.listen,
	};
}

int proa_http_serve(proa_http *http, proa_handle *owner, proa_server *server, const char *addr)
{
	px_service *service;
	proa_serve_options o;

	PX_MAGIC_CHECK(http, PX_HTTP_MAGIC);
	service = service_new(http, 1);
	if (!service)
		return -PROA_ENOMEM;
	px_local_init(&service->local[0], http, proa_handle_loop(owner));
	o = serve_options(http, service);
	return proa_serve(owner, server, addr, &o);
}

int proa_http_serve_group(proa_http *http, proa_group *group, const char *addr, proa_addr *bound)
{
	px_service *service;
	proa_serve_options o;

	PX_MAGIC_CHECK(http, PX_HTTP_MAGIC);
	service = service_new(http, proa_group_size(group));
	if (!service)
		return -PROA_ENOMEM;
	for (unsigned i = 0; i < service->locals; i++)
		px_local_init(&service->local[i], http, proa_group_loop(group, i));
	o = serve_options(http, service);
	return proa_group_serve(group, addr, &o, bound);
}
