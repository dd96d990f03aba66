/* What answers say of a version of a file: printed when it is new to the loop, not for each. */
/* SPDX-License-Identifier: MIT */
#include "http/date.h"
#include "http/server.h"

#include <stdio.h>
#include <string.h>

static void version_print(px_version *v, const proa_stat_info *st)
{
	char etag[PX_ETAG_TEXT], date[PX_DATE_TEXT];
	int n;

	v->mtime_ns = st->mtime_ns;
	v->size_bytes = st->size_bytes;
	v->ino = st->ino;
	px_etag_print(st->mtime_ns, st->size_bytes, st->ino, etag);
	memcpy(v->etag, etag, sizeof etag);
	px_date_print(st->mtime_ns / PROA_SEC, date);
	n = snprintf(v->fields, sizeof v->fields,
	             "ETag: %s\r\nLast-Modified: %s\r\nAccept-Ranges: bytes\r\n", etag, date);
	px_assert(n > 0 && (size_t)n < sizeof v->fields);
	v->fields_len = (size_t)n;
}

const px_version *px_version_of(px_local *local, const proa_stat_info *st)
{
	px_version *v = &local->version[px_mix(st->ino) % PX_COUNT(local->version)];

	if (!v->fields_len || v->mtime_ns != st->mtime_ns || v->size_bytes != st->size_bytes ||
	    v->ino != st->ino)
		version_print(v, st);
	return v;
}
