/* Media types: what browsers need to show a folder of the usual things. */
/* SPDX-License-Identifier: MIT */
#include "http/mime.h"

#include "base/util.h"
#include "http/text.h"

#include <stdlib.h>
#include <string.h>

typedef struct mime {
	char ext[12];
	const char *type;
} mime;

#define UTF8 "; charset=utf-8"

/* Sorted by extension. */
static const mime table[] = {
	{"7z", "application/x-7z-compressed"},
	{"aac", "audio/aac"},
	{"apng", "image/apng"},
	{"avi", "video/x-msvideo"},
	{"avif", "image/avif"},
	{"bmp", "image/bmp"},
	{"br", "application/octet-stream"},
	{"bz2", "application/x-bzip2"},
	{"c", "text/plain" UTF8},
	{"cc", "text/plain" UTF8},
	{"conf", "text/plain" UTF8},
	{"cpp", "text/plain" UTF8},
	{"css", "text/css" UTF8},
	{"csv", "text/csv" UTF8},
	{"diff", "text/plain" UTF8},
	{"doc", "application/msword"},
	{"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
	{"eot", "application/vnd.ms-fontobject"},
	{"epub", "application/epub+zip"},
	{"flac", "audio/flac"},
	{"gif", "image/gif"},
	{"go", "text/plain" UTF8},
	{"gz", "application/gzip"},
	{"h", "text/plain" UTF8},
	{"heic", "image/heic"},
	{"hpp", "text/plain" UTF8},
	{"htm", "text/html" UTF8},
	{"html", "text/html" UTF8},
	{"ico", "image/x-icon"},
	{"ics", "text/calendar" UTF8},
	{"ini", "text/plain" UTF8},
	{"jpeg", "image/jpeg"},
	{"jpg", "image/jpeg"},
	{"js", "text/javascript" UTF8},
	{"json", "application/json"},
	{"jsonld", "application/ld+json"},
	{"jxl", "image/jxl"},
	{"log", "text/plain" UTF8},
	{"m3u8", "application/vnd.apple.mpegurl"},
	{"m4a", "audio/mp4"},
	{"m4v", "video/mp4"},
	{"map", "application/json"},
	{"md", "text/markdown" UTF8},
	{"mid", "audio/midi"},
	{"mjs", "text/javascript" UTF8},
	{"mkv", "video/x-matroska"},
	{"mov", "video/quicktime"},
	{"mp3", "audio/mpeg"},
	{"mp4", "video/mp4"},
	{"mpd", "application/dash+xml"},
	{"mpeg", "video/mpeg"},
	{"mpg", "video/mpeg"},
	{"odp", "application/vnd.oasis.opendocument.presentation"},
	{"ods", "application/vnd.oasis.opendocument.spreadsheet"},
	{"odt", "application/vnd.oasis.opendocument.text"},
	{"oga", "audio/ogg"},
	{"ogg", "audio/ogg"},
	{"ogv", "video/ogg"},
	{"opus", "audio/ogg"},
	{"otf", "font/otf"},
	{"patch", "text/plain" UTF8},
	{"pdf", "application/pdf"},
	{"png", "image/png"},
	{"ppt", "application/vnd.ms-powerpoint"},
	{"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
	{"py", "text/plain" UTF8},
	{"rs", "text/plain" UTF8},
	{"rtf", "application/rtf"},
	{"sh", "text/plain" UTF8},
	{"svg", "image/svg+xml"},
	{"tar", "application/x-tar"},
	{"tif", "image/tiff"},
	{"tiff", "image/tiff"},
	{"toml", "text/plain" UTF8},
	{"ts", "text/plain" UTF8},
	{"ttf", "font/ttf"},
	{"txt", "text/plain" UTF8},
	{"vtt", "text/vtt" UTF8},
	{"wasm", "application/wasm"},
	{"wav", "audio/wav"},
	{"weba", "audio/webm"},
	{"webm", "video/webm"},
	{"webmanifest", "application/manifest+json"},
	{"webp", "image/webp"},
	{"woff", "font/woff"},
	{"woff2", "font/woff2"},
	{"xhtml", "application/xhtml+xml"},
	{"xls", "application/vnd.ms-excel"},
	{"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
	{"xml", "text/xml" UTF8},
	{"xz", "application/x-xz"},
	{"yaml", "text/plain" UTF8},
	{"yml", "text/plain" UTF8},
	{"zip", "application/zip"},
	{"zst", "application/zstd"},
};

/* Files that have no extension and are text. */
static const char *const text_name[] = {"readme",  "license",   "licence",  "copying",
                                        "authors", "changelog", "makefile", "dockerfile",
                                        "install", "news",      "todo"};

static int mime_compare(const void *key, const void *entry)
{
	return strcmp(key, ((const mime *)entry)->ext);
}

static const char *type_without_ext(const char *name)
{
	for (size_t i = 0; i < PX_COUNT(text_name); i++)
		if (px_text_is(name, strlen(name), text_name[i]))
			return "text/plain" UTF8;
	return "application/octet-stream";
}

const char *px_mime_of(const char *name)
{
	const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name,
		   *dot = strrchr(base, '.');
	char ext[sizeof table[0].ext];
	const mime *found;
	size_t n = 0;

	if (!dot)
		return type_without_ext(base);
	for (dot++; dot[n] && n < sizeof ext - 1; n++)
		ext[n] = px_text_lower(dot[n]);
	ext[n] = 0;
	found = dot[n] ? NULL : bsearch(ext, table, PX_COUNT(table), sizeof table[0], mime_compare);
	return found ? found->type : "application/octet-stream";
}
