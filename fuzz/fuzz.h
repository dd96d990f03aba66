/* The frame of the fuzz targets: FUZZ, and an input taken piece by piece. */
/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_H
#define FUZZ_H

#include "base/util.h"

#include <stdlib.h>
#include <string.h>

/* A target is given bytes that anybody may have made and asserts what must hold whatever they are.
 * Who links it decides where they come from: engine.c is libFuzzer, corpus.c the files of
 * fuzz/corpus, once. A target keeps nothing from one input to the next, so that each can be
 * repeated alone. */
typedef struct fuzz_target {
	const char *name;
	void (*run)(const uint8_t *data, size_t size);
	struct fuzz_target *next;
} fuzz_target;

void fuzz_add(fuzz_target *);

#define FUZZ(name)                                                              \
	static void fuzz_run_##name(const uint8_t *data, size_t size);          \
	static fuzz_target fuzz_target_##name = {#name, fuzz_run_##name, NULL}; \
	__attribute__((constructor)) static void fuzz_add_##name(void)          \
	{                                                                       \
		fuzz_add(&fuzz_target_##name);                                  \
	}                                                                       \
	static void fuzz_run_##name(const uint8_t *data, size_t size)

/* ---- pieces of an input ---- */

typedef struct fuzz_in {
	const uint8_t *at;
	size_t left;
} fuzz_in;

/* Behind the end all are 0. */
static inline uint8_t fuzz_byte(fuzz_in *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->at++;
}

static inline uint64_t fuzz_word(fuzz_in *in, unsigned bytes)
{
	uint64_t word = 0;

	while (bytes--)
		word = word << 8 | fuzz_byte(in);
	return word;
}

/* Memory of exactly that size, so that a sanitizer sees the first byte that is read behind it. */
static inline char *fuzz_copy(const void *bytes, size_t len)
{
	char *copy = malloc(len ? len : 1);

	px_assert(copy);
	*copy = 0;
	if (len)
		memcpy(copy, bytes, len);
	return copy;
}

/* n bytes as text, to be freed; a 0 among them ends it earlier. */
static inline char *fuzz_text(const void *bytes, size_t n)
{
	char *text = malloc(n + 1);

	px_assert(text);
	if (n)
		memcpy(text, bytes, n);
	text[n] = 0;
	return text;
}

/* The next line, without its "\n", as text to be freed: so that inputs stay readable. */
static inline char *fuzz_line(fuzz_in *in)
{
	const uint8_t *end = in->left ? memchr(in->at, '\n', in->left) : NULL;
	size_t n = end ? (size_t)(end - in->at) : in->left;
	char *text = fuzz_text(in->at, n);

	in->at += end ? n + 1 : n;
	in->left -= end ? n + 1 : n;
	return text;
}

#endif
