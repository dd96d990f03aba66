/* The page that lists a folder: folders first, readable on a phone, in the dark too, no script. */
/* SPDX-License-Identifier: MIT */
#include "http/server.h"
#include "http/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENTRIES_BYTES_MAX = 16 * 1024 * 1024 };

/* ---- reading the folder ---- */

static void on_entries(proa_op *op);

static void list_refuse(proa_http_request *req, int status)
{
	px_file_leave(req->conn);
	req->file.stage = PX_FILE_NONE;
	px_answer_status(req, status);
}

static void list_read(proa_http_request *req)
{
	px_buf *entries = &req->file.entries;

	if (!px_buf_room(entries, PX_READ_BYTES)) {
		list_refuse(req, 503);
		return;
	}
	proa_dir_read(&req->conn->file, &req->aux_op, entries->data + entries->len, PX_READ_BYTES,
	              on_entries);
}

static void list_answer(proa_http_request *req)
{
	px_buf page = {.loop = req->local->loop};

	px_file_leave(req->conn);
	req->file.stage = PX_FILE_NONE;
	proa_http_set(req, "Cache-Control", "no-cache");
	proa_http_set(req, "Content-Security-Policy",
	              "default-src 'none'; style-src 'unsafe-inline'; img-src data:");
	if (px_list_page(&page, req->path.data, &req->file.entries))
		proa_http_reply(req, 200, "text/html; charset=utf-8", page.data, page.len);
	else
		px_answer_status(req, 503);
	px_buf_free(&page);
}

static void on_entries(proa_op *op)
{
	proa_http_request *req = PROA_OF(op, proa_http_request, aux_op);
	px_conn *c = req->conn;
	px_buf *entries = &req->file.entries;

	if (px_conn_over(c))
		return;
	c->turning = true;
	if (op->result > 0)
		entries->len = px_align_up(entries->len + (size_t)op->result, 8);
	if (op->result < 0)
		list_refuse(req, px_file_status(op->result));
	else if (op->result == 0 || (op->got & PROA_END) || entries->len > ENTRIES_BYTES_MAX)
		list_answer(req);
	else
		list_read(req);
	c->turning = false;
	px_conn_turn(c);
}

static void on_folder(proa_op *op)
{
	proa_http_request *req = PROA_OF(op, proa_http_request, aux_op);
	px_conn *c = req->conn;

	if (px_conn_over(c))
		return;
	c->turning = true;
	if (op->result < 0)
		list_refuse(req, px_file_status(op->result));
	else
		list_read(req);
	c->turning = false;
	px_conn_turn(c);
}

/* The handle is init: opening the index on it has just failed. */
void px_list_start(proa_http_request *req)
{
	req->file.stage = PX_FILE_LISTING;
	req->conn->file_used = true;
	proa_file_open_in(&req->conn->file, &req->aux_op, &req->local->dir, req->file.path.data,
	                  PROA_O_READ | PROA_O_DIR | PROA_O_BENEATH, 0, on_folder);
}

/* ---- the page ---- */

static const char page_head[] =
	"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
	"<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
	"<meta name=\"color-scheme\" content=\"light dark\"><title>";

static const char page_style[] =
	"</title><style>"
	":root{--bg:#fff;--fg:#1b1f24;--dim:#656d76;--line:#e4e7eb;--hover:#f3f6fa;--link:#0b57d0}"
	"@media(prefers-color-scheme:dark){:root{--bg:#14171a;--fg:#e6e8ea;--dim:#98a1ab;"
	"--line:#2a2f35;--hover:#1d2227;--link:#8ab4f8}}"
	"*{box-sizing:border-box}"
	"body{margin:0 auto;max-width:60rem;padding:1rem;background:var(--bg);color:var(--fg);"
	"font:1rem/1.4 system-ui,-apple-system,\"Segoe UI\",Roboto,sans-serif}"
	"h1{font-size:1.15rem;font-weight:600;margin:.5rem .25rem 1rem;overflow-wrap:anywhere}"
	"a{color:var(--link);text-decoration:none}"
	"h1 a:hover{text-decoration:underline}"
	"ul{list-style:none;margin:0;padding:0;border-top:1px solid var(--line)}"
	"li a{display:grid;grid-template-columns:1fr 6rem 10rem;gap:.75rem;padding:.65rem .25rem;"
	"border-bottom:1px solid var(--line);align-items:baseline}"
	"li a:hover,li a:focus-visible{background:var(--hover)}"
	".n{overflow-wrap:anywhere}.d .n{font-weight:600}"
	".s,time{color:var(--dim);font-size:.875rem;text-align:right;white-space:nowrap;"
	"font-variant-numeric:tabular-nums}"
	"p{color:var(--dim);font-size:.875rem;margin:1rem .25rem}"
	"@media(max-width:34rem){li a{grid-template-columns:1fr auto;gap:.1rem .75rem}"
	".n{grid-column:1/-1}.s{grid-column:2;grid-row:2}time{grid-column:1;grid-row:2;"
	"text-align:left}}"
	"</style></head><body>";

static bool is_listed(const proa_dirent *entry)
{
	if (entry->name[0] == '.' || entry->stat.type == PROA_S_OTHER)
		return false;
	for (const char *at = entry->name; *at; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f || *at == '\\')
			return false; /* a path with it is refused, so a link to it would be dead */
	return true;
}

static int entry_compare(const void *a, const void *b)
{
	const proa_dirent *x = *(const proa_dirent *const *)a;
	const proa_dirent *y = *(const proa_dirent *const *)b;
	bool x_dir = x->stat.type == PROA_S_DIR, y_dir = y->stat.type == PROA_S_DIR;
	const char *p = x->name, *q = y->name;

	if (x_dir != y_dir)
		return x_dir ? -1 : 1;
	for (; *p && px_text_lower(*p) == px_text_lower(*q); p++, q++)
		; /* the case decides only between names which differ in nothing else */
	if (*p || *q)
		return (unsigned char)px_text_lower(*p) < (unsigned char)px_text_lower(*q) ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void put_size(px_buf *out, int64_t bytes)
{
	static const char *const unit[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
	double n = (double)bytes / 1000;
	unsigned i = 0;
	char text[32];

	if (bytes < 1000) {
		px_buf_number(out, (uint64_t)(bytes < 0 ? 0 : bytes));
		px_buf_text(out, " B");
		return;
	}
	for (; i + 1 < PX_COUNT(unit) && n >= 999.5;
	     i++) /* rounded it would be 1000 of this unit */
		n /= 1000;
	snprintf(text, sizeof text, "%.*f %s", n < 9.95, n, unit[i]);
	px_buf_text(out, text);
}

static void put_time(px_buf *out, int64_t ns)
{
	px_civil c = px_civil_of(ns / PROA_SEC - (ns % PROA_SEC < 0));
	char text[96];

	if (c.year < 0 || c.year > 9999)
		return;
	snprintf(text, sizeof text,
	         "<time datetime=\"%04d-%02u-%02uT%02u:%02uZ\">%04d-%02u-%02u %02u:%02u</time>",
	         (int)c.year, c.month, c.day, c.hour, c.minute, (int)c.year, c.month, c.day, c.hour,
	         c.minute);
	px_buf_text(out, text);
}

static void put_entry(px_buf *out, const proa_dirent *entry)
{
	bool dir = entry->stat.type == PROA_S_DIR;

	px_buf_text(out, dir ? "<li class=\"d\"><a href=\"./" : "<li><a href=\"./");
	px_put_percent(out, entry->name);
	px_buf_text(out, dir ? "/\"><span class=\"n\">" : "\"><span class=\"n\">");
	px_put_html(out, entry->name);
	px_buf_text(out, dir ? "/</span><span class=\"s\">" : "</span><span class=\"s\">");
	if (entry->stat.type == PROA_S_FILE)
		put_size(out, entry->stat.size_bytes);
	px_buf_text(out, "</span>");
	put_time(out, entry->stat.mtime_ns);
	px_buf_text(out, "</a></li>\n");
}

/* The path, each part of it a link. */
static void put_crumbs(px_buf *out, const char *path)
{
	px_buf part = {.loop = out->loop};
	const char *at = path + 1;

	px_buf_text(out, "<h1><a href=\"/\">/</a>");
	while (*at) {
		size_t len = strcspn(at, "/");

		px_buf_text(out, " <a href=\"");
		px_buf_clear(&part, PX_KEEP_BYTES);
		px_buf_put(&part, path, (size_t)(at - path) + len);
		px_buf_put(&part, "/", 2);
		px_put_percent(out, part.data ? part.data : "");
		px_buf_text(out, "\">");
		if (part.data) {
			part.data[part.len - 2] = 0;
			px_put_html(out, part.data + (at - path));
		}
		px_buf_text(out, "/</a>");
		out->failed = out->failed || part.failed;
		at += len + (at[len] == '/');
	}
	px_buf_text(out, "</h1>\n<ul>\n");
	px_buf_free(&part);
}

static void put_foot(px_buf *out, const proa_dirent *const *list, size_t n)
{
	size_t dirs = 0;
	int64_t bytes = 0;

	for (size_t i = 0; i < n; i++) {
		dirs += list[i]->stat.type == PROA_S_DIR;
		if (list[i]->stat.type == PROA_S_FILE)
			bytes = px_add_sat(bytes, list[i]->stat.size_bytes);
	}
	px_buf_text(out, "</ul>\n<p>");
	px_buf_number(out, dirs);
	px_buf_text(out, dirs == 1 ? " folder, " : " folders, ");
	px_buf_number(out, n - dirs);
	px_buf_text(out, n - dirs == 1 ? " file, " : " files, ");
	put_size(out, bytes);
	px_buf_text(out, ". Times are UTC.</p>\n</body></html>\n");
}

/* How many are listed; into list, if there is one. */
static size_t entries_of(const px_buf *entries, const proa_dirent **list)
{
	size_t n = 0;

	for (size_t at = 0; at + sizeof(proa_dirent) <= entries->len;) {
		const proa_dirent *entry = (const void *)(entries->data + at);

		if (is_listed(entry)) {
			if (list)
				list[n] = entry;
			n++;
		}
		at += px_align_up(entry->bytes, 8);
	}
	return n;
}

bool px_list_page(px_buf *out, const char *path, px_buf *entries)
{
	size_t n = entries_of(entries, NULL);
	size_t bytes = (n + 1) * sizeof(const proa_dirent *);
	const proa_dirent **list = proa_loop_alloc(out->loop, NULL, 0, bytes);

	if (!list)
		return false;
	entries_of(entries, list);
	qsort(list, n, sizeof *list, entry_compare);
	px_buf_text(out, page_head);
	px_put_html(out, path);
	px_buf_text(out, page_style);
	put_crumbs(out, path);
	if (path[1])
		px_buf_text(out, "<li class=\"d\"><a href=\"../\"><span class=\"n\">../</span></a>"
		                 "</li>\n");
	for (size_t i = 0; i < n; i++)
		put_entry(out, list[i]);
	put_foot(out, list, n);
	proa_loop_alloc(out->loop, list, bytes, 0);
	return !out->failed;
}
