# Floor 7: the HTTP server, on the public headers.
# SPDX-License-Identifier: MIT
list(APPEND PROA_SOURCES
	src/http/buf.c
	src/http/chunk.c
	src/http/cond.c
	src/http/date.c
	src/http/mime.c
	src/http/path.c
	src/http/range.c
	src/http/scan.c
	src/http/text.c)
list(APPEND PROA_UNIT_TESTS
	src/http/range_test.c
	src/http/scan_test.c
	src/http/text_test.c)
