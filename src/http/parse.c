/* From a head's bytes to a request: llhttp takes it apart, and here is decided what is refused. */
/* SPDX-License-Identifier: MIT */
#include "http/server.h"
#include "http/text.h"

#include <llhttp.h>
#include <string.h>

/* The head is whole when it comes here, so each name and value is one span; px_scan_head has
 * already settled where lines end. */
static int on_target(llhttp_t *parser, const char *at, size_t len)
{
	proa_http_request *req = parser->data;

	req->target = at;
	req->target_len = len;
	return 0;
}

static int on_name(llhttp_t *parser, const char *at, size_t len)
{
	proa_http_request *req = parser->data;

	if (req->fields == PX_FIELDS_MAX)
		return HPE_USER;
	req->field[req->fields++] = (px_field){
		.name = req->head.data + (at - req->head.data), .name_len = len, .value = NULL};
	return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t len)
{
	proa_http_request *req = parser->data;
	px_field *field = &req->field[req->fields - 1];

	/* An empty one is told where the next line begins. */
	field->value = len ? req->head.data + (at - req->head.data) : NULL;
	field->value_len = len;
	return 0;
}

/* The body is not llhttp's: chunk.c is stricter. */
static int on_head_end(llhttp_t *parser)
{
	(void)parser;
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
	.on_url = on_target,
	.on_header_field = on_name,
	.on_header_value = on_value,
	.on_headers_complete = on_head_end,
};

/* ---- the request line ---- */

/* "METHOD target HTTP/1.x" with single blanks (RFC 9112, 3). 0, or the status; looked at before
 * llhttp does, which has one error for several of these. */
static int line_check(proa_http_request *req)
{
	const char *line = req->head.data, *end = memchr(line, '\r', req->head.len);
	const char *method_end = memchr(line, ' ', (size_t)(end - line)), *version;

	if (!method_end || !px_text_token(line, (size_t)(method_end - line)))
		return 400;
	version = memchr(method_end + 1, ' ', (size_t)(end - method_end - 1));
	if (!version || version == method_end + 1 || end - version != 9 ||
	    memcmp(version, " HTTP/", 6) || version[7] != '.')
		return 400;
	if (version[6] < '0' || version[6] > '9' || version[8] < '0' || version[8] > '9')
		return 400;
	if (version[6] != '1' || version[8] > '1')
		return 505;
	req->version = version[8] == '1' ? 11 : 10;
	return 0;
}

/* Where the path begins: origin-form, or absolute-form, which every server must take (RFC
 * 9112, 3.2.2). NULL: neither. */
static const char *path_of(const char *target)
{
	size_t scheme = px_text_is(target, strnlen(target, 7), "http://")    ? 7
	                : px_text_is(target, strnlen(target, 8), "https://") ? 8
	                                                                     : 0;

	if (!scheme)
		return *target == '/' ? target : NULL;
	target += scheme;
	if (!strcspn(target, "/?"))
		return NULL;
	return target + strcspn(target, "/?");
}

static int target_parse(proa_http_request *req)
{
	const char *path = path_of(req->target);
	size_t len;

	if (!strcmp(req->target, "*") && !strcmp(req->method, "OPTIONS")) {
		px_buf_put(&req->path, "*", 2);
		return req->path.failed ? 503 : 0;
	}
	if (!path)
		return 400;
	len = strcspn(path, "?");
	req->query = path[len] ? path + len + 1 : "";
	if (strchr(req->query, '#'))
		return 400;
	if (!px_buf_room(&req->path, len + 2))
		return 503;
	if (!px_path_clean(len ? path : "/", len ? len : 1, req->path.data))
		return 400;
	req->path.len = strlen(req->path.data);
	return 0;
}

/* ---- the fields ---- */

static int fields_end(proa_http_request *req)
{
	for (unsigned i = 0; i < req->fields; i++) {
		px_field *field = &req->field[i];

		if (!px_text_token(field->name, field->name_len))
			return 400;
		if (!field->value)
			field->value = field->name + field->name_len;
		while (field->value_len && (field->value[field->value_len - 1] == ' ' ||
		                            field->value[field->value_len - 1] == '\t'))
			field->value_len--;
		field->name[field->name_len] = 0;
		field->value[field->value_len] = 0;
	}
	return 0;
}

/* A second one of a field that may stand once: the two ends of a proxy could each take another. */
static const char *single(const proa_http_request *req, const char *lower, int *status)
{
	const char *value = NULL;

	for (unsigned i = 0; i < req->fields; i++) {
		if (!px_text_is(req->field[i].name, req->field[i].name_len, lower))
			continue;
		if (value)
			*status = 400;
		value = req->field[i].value;
	}
	return value;
}

/* RFC 9112, 6.3; and where it leaves a choice, the connection ends (6.1: both fields, or a coding
 * in HTTP/1.0, are the marks of smuggling). */
static int framing_parse(proa_http_request *req)
{
	int status = 0;
	const char *coding = single(req, "transfer-encoding", &status);
	const char *length = single(req, "content-length", &status);

	if (status || (coding && (length || req->version == 10)))
		return 400;
	if (length && !px_text_number(length, strlen(length), &req->length))
		return 400;
	if (coding && !px_text_is(coding, strlen(coding), "chunked"))
		return px_text_lists(coding, "chunked") ? 501 : 400;
	req->chunked = coding != NULL;
	req->body_done = !req->chunked && !req->length;
	return 0;
}

static int host_parse(proa_http_request *req)
{
	int status = 0;
	const char *host = single(req, "host", &status);

	if (status || (!host && req->version == 11)) /* RFC 9112, 3.2 */
		return 400;
	return host && strpbrk(host, " \t,/\\@?#<>\"") ? 400 : 0;
}

static int connection_parse(proa_http_request *req)
{
	bool close = false, keep = false;
	const char *expect;

	for (unsigned i = 0; i < req->fields; i++) {
		if (!px_text_is(req->field[i].name, req->field[i].name_len, "connection"))
			continue;
		close = close || px_text_lists(req->field[i].value, "close");
		keep = keep || px_text_lists(req->field[i].value, "keep-alive");
	}
	req->keep = !close && (keep || req->version == 11);
	expect = px_request_field(req, "expect");
	if (!expect || req->version == 10) /* RFC 9110, 10.1.1: ignored from 1.0 */
		return 0;
	req->expects = px_text_is(expect, strlen(expect), "100-continue");
	return req->expects ? 0 : 417;
}

/* ---- together ---- */

static int status_of(llhttp_errno_t error, const proa_http_request *req)
{
	if (error == HPE_PAUSED)
		return 0;
	if (error == HPE_INVALID_METHOD)
		return 501; /* it is a token, so just one that is not known (RFC 9110, 9.1) */
	return error == HPE_USER && req->fields == PX_FIELDS_MAX ? 431 : 400;
}

int px_request_parse(proa_http_request *req)
{
	llhttp_t parser;
	int status = line_check(req);

	if (status)
		return status;
	llhttp_init(&parser, HTTP_REQUEST, &settings);
	parser.data = req;
	status = status_of(llhttp_execute(&parser, req->head.data, req->head.len), req);
	if (status || parser.method == HTTP_CONNECT)
		return status ? status : 501;
	req->method = llhttp_method_name((llhttp_method_t)parser.method);
	req->head_only = parser.method == HTTP_HEAD;
	req->head.data[req->target - req->head.data + (ptrdiff_t)req->target_len] = 0;
	req->known = true;
	if ((status = fields_end(req)) || (status = framing_parse(req)) ||
	    (status = host_parse(req)) || (status = target_parse(req)))
		return status;
	return connection_parse(req);
}
