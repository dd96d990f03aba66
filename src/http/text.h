/* Small things that HTTP texts are made of: tokens, numbers, lists, escapes, paths. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_HTTP_TEXT_H
#define PX_HTTP_TEXT_H

#include "http/buf.h"

/* Equal but for the case of A to Z; `lower` is in lower case. */
bool px_text_is(const char *text, size_t len, const char *lower);
/* A comma-separated list (RFC 9110, 5.6.1) has this member. */
bool px_text_lists(const char *list, const char *lower);
/* A token (RFC 9110, 5.6.2): what methods and field names are. */
bool px_text_token(const char *text, size_t len);
/* Fit for a field's value: no control character but tab (RFC 9110, 5.5). */
bool px_text_value(const char *text);
/* Digits only, at least one. False also if it is beyond INT64_MAX. */
bool px_text_number(const char *text, size_t len, int64_t *out);
int px_text_hex(char c); /* -1: none */
char px_text_lower(char c);

/* Percent-encodes all but unreserved characters (RFC 3986, 2.3) and "/". */
void px_put_percent(px_buf *out, const char *text);
/* For HTML text and quoted attributes. */
void px_put_html(px_buf *out, const char *text);

/* The path of a request target, decoded once and cleaned into out (len + 2 bytes): "//" becomes
 * "/", "." and ".." are resolved. False: broken percent-encoding, an encoded "/" or NUL, control
 * characters, a backslash, "#", no "/" at the beginning, or ".." above the top. */
bool px_path_clean(const char *raw, size_t len, char *out);
/* One of its parts begins with ".". */
bool px_path_hidden(const char *path);

#endif
