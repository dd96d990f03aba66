/* The page that lists a folder: names of any bytes neither add markup nor lead elsewhere. */
/* SPDX-License-Identifier: MIT */
#include "fuzz.h"
#include "http/server.h"
#include "http/text.h"

/* A folder as proa_dir_read would tell it: of each entry its type, size, time and name. */
static void entry_put(px_buf *out, fuzz_in *in)
{
	uint32_t type = fuzz_byte(in) % 4u;
	int64_t size_bytes = (int64_t)fuzz_word(in, fuzz_byte(in) % 9u);
	int64_t mtime_ns = (int64_t)fuzz_word(in, fuzz_byte(in) % 9u);
	char *name = fuzz_line(in);
	size_t len = strlen(name), bytes = px_align_up(sizeof(proa_dirent) + len + 1, 8);
	proa_dirent *entry;

	for (char *at = name; *at; at++)
		*at = *at == '/' ? '\n'
		                 : *at; /* no name has the one; inputs cannot say the other */
	if (!len || !px_buf_room(out, bytes)) {
		free(name);
		return; /* no folder has an entry without a name */
	}
	entry = (void *)(out->data + out->len);
	memset(entry, 0, bytes);
	entry->bytes = (uint32_t)bytes;
	entry->name_len = (uint32_t)len;
	entry->stat = (proa_stat_info){
		.type = type, .size_bytes = size_bytes, .mtime_ns = mtime_ns};
	memcpy(entry->name, name, len + 1);
	out->len += bytes;
	free(name);
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)); text += strlen(what))
		n++;
	return n;
}

static bool is_listed(const proa_dirent *entry)
{
	px_buf raw = {0};
	char *clean = malloc(2 * strlen(entry->name) + 8);
	bool reached;

	/* The definition: what a request for the link would reach, and is not hidden. */
	px_buf_char(&raw, '/');
	px_put_percent(&raw, entry->name);
	reached = px_path_clean(raw.data, raw.len, clean) && !strcmp(clean + 1, entry->name) &&
	          !px_path_hidden(clean);
	px_buf_free(&raw);
	free(clean);
	return reached && entry->stat.type != PROA_S_OTHER;
}

/* The entry of which `row` tells, by its link; NULL: none. Its text must be the same name. */
static const proa_dirent *row_entry(const char *row, const px_buf *entries)
{
	const char *link = strstr(row, "href=\"./") + 8, *shown = strstr(link, "class=\"n\">") + 10;

	for (size_t at = 0; at < entries->len;) {
		const proa_dirent *entry = (const void *)(entries->data + at);
		bool dir = entry->stat.type == PROA_S_DIR, same;
		px_buf raw = {0}, text = {0};

		px_put_percent(&raw, entry->name);
		px_buf_text(&raw, dir ? "/\"" : "\"");
		px_put_html(&text, entry->name);
		px_buf_text(&text, dir ? "/<" : "<");
		same = is_listed(entry) && !strncmp(link, raw.data, raw.len) &&
		       !strncmp(shown, text.data, text.len);
		px_buf_free(&raw);
		px_buf_free(&text);
		if (same)
			return entry;
		at += entry->bytes;
	}
	return NULL;
}

/* As many tags as the entries have, each entry a row, each row an entry, folders first. */
static void page_holds(const char *page, const char *path, const px_buf *entries)
{
	size_t listed = 0, tags = count(page, "<"), rows = 0, up = path[1] ? 1 : 0;
	bool files = false;

	for (size_t at = 0; at < entries->len;) {
		const proa_dirent *entry = (const void *)(entries->data + at);

		listed += is_listed(entry);
		at += entry->bytes;
	}
	for (const char *row = page; (row = strstr(row, "<li")); row += 3) {
		const proa_dirent *entry;

		if (rows++ < up)
			continue;
		entry = row_entry(row, entries);
		px_assert(entry && !(files && entry->stat.type == PROA_S_DIR));
		files = entry->stat.type != PROA_S_DIR;
	}
	px_assert(rows == listed + up);
	tags -= listed * 8 + count(page, "<time") * 2 + up * 6;
	px_assert(tags - count(page, " <a href=\"/") * 2 == 22);
	px_assert(count(page, "\"") % 2 == 0 && !strstr(page, "<script"));
}

FUZZ(http_listing)
{
	fuzz_in in = {data, size};
	char *raw = fuzz_line(&in), *path = malloc(strlen(raw) + 2);
	px_buf entries = {0}, page = {0};

	if (px_path_clean(raw, strlen(raw), path)) {
		while (in.left && entries.len < 16384)
			entry_put(&entries, &in);
		px_assert(px_list_page(&page, path, &entries));
		px_buf_char(&page, 0);
		page_holds(page.data, path, &entries);
	}
	px_buf_free(&entries);
	px_buf_free(&page);
	free(raw);
	free(path);
}
