/* Media types by file name. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_HTTP_MIME_H
#define PX_HTTP_MIME_H

/* The Content-Type for a file of that name: static text, "application/octet-stream" if it is not
 * known. */
const char *px_mime_of(const char *name);

#endif
