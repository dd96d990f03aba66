# Floor 7: the HTTP server, on the public headers.
# SPDX-License-Identifier: MIT
list(APPEND PROA_SOURCES
	src/http/answer.c
	src/http/buf.c
	src/http/chunk.c
	src/http/cond.c
	src/http/conn.c
	src/http/date.c
	src/http/file.c
	src/http/listing.c
	src/http/log.c
	src/http/mime.c
	src/http/open.c
	src/http/parse.c
	src/http/path.c
	src/http/range.c
	src/http/read.c
	src/http/recent.c
	src/http/request.c
	src/http/scan.c
	src/http/serve.c
	src/http/text.c
	src/http/version.c)
list(APPEND PROA_UNIT_TESTS
	src/http/page_test.c
	src/http/range_test.c
	src/http/scan_test.c
	src/http/text_test.c)
