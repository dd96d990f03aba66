/* Scripts as text, for people, and as bytes, for fuzzers. */
/* SPDX-License-Identifier: MIT */
#include "s_script/script.h"

#include <stdlib.h>
#include <string.h>

const char *const script_kind_name[SCRIPT_KIND_COUNT] = {
#define SCRIPT_NAME(name, submits) #name,
	SCRIPT_KINDS(SCRIPT_NAME)
#undef SCRIPT_NAME
};

const bool script_submits[SCRIPT_KIND_COUNT] = {
#define SCRIPT_SUBMITS(name, submits) submits,
	SCRIPT_KINDS(SCRIPT_SUBMITS)
#undef SCRIPT_SUBMITS
};

enum { FIELDS = 8 };

static const char *const field_name[FIELDS] = {"h", "op", "in", "to", "how", "n", "at", "us"};

static void fields_get(const script_step *s, long v[FIELDS])
{
	v[0] = s->h;
	v[1] = s->op;
	v[2] = s->in;
	v[3] = s->to;
	v[4] = s->how;
	v[5] = s->n;
	v[6] = s->at;
	v[7] = s->us;
}

static void fields_set(script_step *s, const long v[FIELDS])
{
	s->h = (uint8_t)(v[0] & (SCRIPT_HANDLES - 1));
	s->op = (uint8_t)((unsigned long)v[1] % SCRIPT_OPS);
	s->in = (uint8_t)((unsigned long)v[2] % (SCRIPT_OPS + 1));
	s->to = (uint8_t)(v[3] & (SCRIPT_HANDLES - 1));
	s->how = (uint8_t)v[4];
	s->n = (uint16_t)v[5];
	s->at = (uint16_t)v[6];
	s->us = (int16_t)v[7];
	if (s->us < SCRIPT_PAST)
		s->us = SCRIPT_PAST;
}

void script_step_print(const script_step *s, char *out, size_t size)
{
	long v[FIELDS];
	size_t at;

	fields_get(s, v);
	at = (size_t)snprintf(out, size, "%s", script_kind_name[s->kind]);
	for (unsigned i = 0; i < FIELDS && at < size; i++)
		if (v[i])
			at += (size_t)snprintf(out + at, size - at, " %s=%ld", field_name[i], v[i]);
}

void script_print(const script *s, FILE *to)
{
	char text[160];

	for (unsigned i = 0; i < s->n; i++) {
		script_step_print(&s->step[i], text, sizeof text);
		fprintf(to, "%s\n", text);
	}
}

static bool field_read(const char *word, long v[FIELDS])
{
	for (unsigned i = 0; i < FIELDS; i++) {
		size_t len = strlen(field_name[i]);
		char *end;

		if (strncmp(word, field_name[i], len) != 0 || word[len] != '=')
			continue;
		v[i] = strtol(word + len + 1, &end, 10);
		return end != word + len + 1 && !*end;
	}
	return false;
}

static bool kind_read(const char *word, script_step *s)
{
	for (unsigned k = 0; k < SCRIPT_KIND_COUNT; k++) {
		if (strcmp(word, script_kind_name[k]) != 0)
			continue;
		s->kind = (uint8_t)k;
		return true;
	}
	return false;
}

/* The next word of *at, ended with a 0; NULL: there is none. */
static char *word_next(char **at)
{
	char *word = *at + strspn(*at, " \t\r\n");
	size_t len = strcspn(word, " \t\r\n");

	if (!*word || *word == '#')
		return NULL;
	*at = word + len + (word[len] != 0);
	word[len] = 0;
	return word;
}

static bool line_read(script *s, char *text)
{
	script_step step = {0};
	long v[FIELDS] = {0};
	char *word = word_next(&text);

	if (!word)
		return true;
	if (!kind_read(word, &step) || s->n == SCRIPT_STEPS)
		return false;
	while ((word = word_next(&text)))
		if (!field_read(word, v))
			return false;
	fields_set(&step, v);
	s->step[s->n++] = step;
	return true;
}

bool script_read(script *s, FILE *from, unsigned *line)
{
	char text[256];

	s->n = 0;
	for (*line = 1; fgets(text, sizeof text, from); ++*line)
		if (!line_read(s, text))
			return false;
	return true;
}

void script_of_bytes(script *s, const uint8_t *b, size_t size)
{
	s->n = 0;
	for (; size >= SCRIPT_BYTES_STEP && s->n < SCRIPT_STEPS; size -= SCRIPT_BYTES_STEP) {
		script_step *step = &s->step[s->n++];
		long v[FIELDS] = {b[1],
		                  b[2],
		                  b[3],
		                  b[4],
		                  b[5],
		                  b[6] | b[7] << 8,
		                  b[8] | b[9] << 8,
		                  (int16_t)(b[10] | b[11] << 8)};

		step->kind = b[0] % SCRIPT_KIND_COUNT;
		fields_set(step, v);
		b += SCRIPT_BYTES_STEP;
	}
}

size_t script_to_bytes(const script *s, uint8_t *out, size_t size)
{
	size_t n = 0;

	for (unsigned i = 0; i < s->n && size - n >= SCRIPT_BYTES_STEP; i++) {
		const script_step *t = &s->step[i];
		const uint8_t b[SCRIPT_BYTES_STEP] = {
			t->kind,        t->h,
			t->op,          t->in,
			t->to,          t->how,
			(uint8_t)t->n,  (uint8_t)(t->n >> 8),
			(uint8_t)t->at, (uint8_t)(t->at >> 8),
			(uint8_t)t->us, (uint8_t)((uint16_t)t->us >> 8)};

		memcpy(out + n, b, sizeof b);
		n += sizeof b;
	}
	return n;
}
