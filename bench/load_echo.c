/* What the load generator says to an echo server, and how it checks what comes back. */
/* SPDX-License-Identifier: MIT */
#include "load.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A prime, so that a stream shifted by any power of two differs from itself; random bytes, so that
 * one connection's bytes are never taken for another's. The row repeats behind itself. */
enum {
	PERIOD = 65521,
	ROW = 256 * 1024,
};

static char pattern[PERIOD + ROW];

static void echo_open(void)
{
	uint64_t x = 88172645463325252;

	for (size_t i = 0; i < sizeof pattern; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		pattern[i] = i < PERIOD ? (char)(x >> 32) : pattern[i - PERIOD];
	}
	load.message_bytes = load.options.size;
}

static void echo_begin(px_load_conn *c)
{
	c->begin = (c->index * UINT64_C(7919) + load.opened * 131) % PERIOD;
	c->next_end = load.options.size;
}

static const char *echo_out(const px_load_conn *c, uint64_t offset, uint64_t *bytes)
{
	if (*bytes > ROW)
		*bytes = ROW;
	return &pattern[(c->begin + offset) % PERIOD];
}

static void bytes_verify(const px_load_conn *c, const char *data, uint64_t bytes)
{
	uint64_t offset = c->received;

	if (offset + bytes > c->wanted)
		px_load_error(c, "more bytes than were sent", c->wanted, offset + bytes);
	while (bytes) {
		uint64_t part = bytes;
		const char *right = echo_out(c, offset, &part);

		if (memcmp(data, right, (size_t)part))
			px_load_wrong_byte(c, offset, right, data);
		data += part;
		offset += part;
		bytes -= part;
	}
}

static uint64_t echo_in(px_load_conn *c, const char *data, uint64_t bytes)
{
	uint64_t messages = 0, end = c->received + bytes;

	bytes_verify(c, data, bytes);
	for (; c->next_end <= end; c->next_end += load.options.size)
		messages++;
	return messages;
}

const px_load_protocol px_load_echo = {
	.open = echo_open,
	.begin = echo_begin,
	.out = echo_out,
	.in = echo_in,
};
