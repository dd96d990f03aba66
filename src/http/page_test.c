/* Tests of what the server writes for people: the listing page and the log's line. */
/* SPDX-License-Identifier: MIT */
#include "http/server.h"
#include "test.h"

#include <string.h>

static void entry_put(px_buf *out, const char *name, uint32_t type, int64_t size_bytes)
{
	size_t len = strlen(name), bytes = px_align_up(sizeof(proa_dirent) + len + 1, 8);
	proa_dirent *entry;

	if (!px_buf_room(out, bytes))
		return;
	entry = (void *)(out->data + out->len);
	memset(entry, 0, bytes);
	entry->bytes = (uint32_t)bytes;
	entry->name_len = (uint32_t)len;
	entry->stat.type = type;
	entry->stat.size_bytes = size_bytes;
	entry->stat.mtime_ns = 784111777 * PROA_SEC;
	memcpy(entry->name, name, len + 1);
	out->len += bytes;
}

/* Where `text` stands in the page; 0: nowhere. */
static size_t place(const px_buf *page, const char *text)
{
	size_t len = strlen(text);

	for (size_t at = 0; at + len <= page->len; at++)
		if (!memcmp(page->data + at, text, len))
			return at + 1;
	return 0;
}

TEST(listing)
{
	px_buf entries = {0}, page = {0};

	entry_put(&entries, "b.txt", PROA_S_FILE, 999);
	entry_put(&entries, "Zed", PROA_S_DIR, 4096);
	entry_put(&entries, "<i>&\"'", PROA_S_FILE, 1000);
	entry_put(&entries, ".hidden", PROA_S_FILE, 1);
	entry_put(&entries, "alpha", PROA_S_DIR, 4096);
	entry_put(&entries, "a\nb", PROA_S_FILE, 1);
	entry_put(&entries, "socket", PROA_S_OTHER, 0);
	entry_put(&entries, "link", PROA_S_LINK, 3);
	entry_put(&entries, "javascript:alert(1)", PROA_S_FILE, 999949);
	entry_put(&entries, "A.txt", PROA_S_FILE, 999951);
	entry_put(&entries, "big", PROA_S_FILE, INT64_MAX);
	REQUIRE(px_list_page(&page, "/x<y/", &entries));
	CHECK(place(&page, "<title>/x&lt;y/</title>"));
	CHECK(!place(&page, "hidden\"") && !place(&page, "socket") && !place(&page, "a\nb"));
	CHECK(place(&page, "href=\"./%3Ci%3E%26%22%27\""));
	CHECK(place(&page, ">&lt;i&gt;&amp;&quot;&#39;<"));
	CHECK(place(&page, "href=\"./javascript%3Aalert%281%29\""));
	CHECK(place(&page, "href=\"/x%3Cy/\""));
	CHECK_LT(place(&page, ">alpha/<"), place(&page, ">Zed/<"));
	CHECK_LT(place(&page, ">Zed/<"), place(&page, ">A.txt<"));
	CHECK_LT(place(&page, ">A.txt<"), place(&page, ">b.txt<"));
	CHECK(place(&page, ">999 B<") && place(&page, ">1.0 kB<") &&
	      place(&page, ">1000 kB<") == 0);
	CHECK(place(&page, ">1.0 MB<") && place(&page, ">9.2 EB<"));
	CHECK(place(&page, ">1994-11-06 08:49<"));
	CHECK(place(&page, "2 folders, 6 files"));
	px_buf_free(&page);
	REQUIRE(px_list_page(&page, "/", &(px_buf){0}));
	CHECK(place(&page, "0 folders, 0 files, 0 B"));
	CHECK(!place(&page, "../"));
	px_buf_free(&page);
	px_buf_free(&entries);
}

TEST(log_line)
{
	proa_http_record r = {.peer = "192.0.2.1",
	                      .method = "GET",
	                      .target = "/a\"b",
	                      .referer = "-",
	                      .agent = "x\x1b[31m\n\\\xff",
	                      .status = 200,
	                      .version = 11,
	                      .body_bytes = 12345678901,
	                      .time_s = 784111777,
	                      .duration_ns = 1234567};
	char text[400], want[400];
	size_t len = proa_http_log_line(&r, text, sizeof text);

	CHECK_STR(text, "192.0.2.1 - - [06/Nov/1994:08:49:37 +0000] \"GET /a\\x22b HTTP/1.1\" 200 "
	                "12345678901 \"-\" \"x\\x1b[31m\\x0a\\x5c\\xff\" 1.234\n");
	CHECK_EQ(len, strlen(text));
	memcpy(want, text, sizeof want);
	for (size_t size = 3; size < len; size++) {
		size_t n = proa_http_log_line(&r, text, size);

		CHECK_EQ(n, size - 1);
		CHECK_EQ(text[n], 0);
		CHECK_EQ(text[n - 1], '\n');
		CHECK_MEM(text, want, n - 1);
	}
	CHECK_EQ(proa_http_log_line(&r, text, 1), 0);
	CHECK_EQ(proa_http_log_line(&r, text, 0), 0);
}

/* A client of a local socket is called by its path, which it chooses. */
TEST(log_line_of_a_strange_peer)
{
	proa_http_record r = {.peer = "unix:/a b\n\"\x1b[2J\\\xff",
	                      .method = "GET",
	                      .target = "/",
	                      .referer = "-",
	                      .agent = "-",
	                      .status = 200,
	                      .version = 11};
	const char *want = "unix:/a\\x20b\\x0a\\x22\\x1b[2J\\x5c\\xff - - [";
	char text[400];

	proa_http_log_line(&r, text, sizeof text);
	CHECK_EQ(strncmp(text, want, strlen(want)), 0);
}
