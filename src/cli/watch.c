/* proa watch: one line for each change below a folder. */
/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <errno.h>
#include <stdio.h>

typedef struct watcher {
	const cli_args *args;
	proa_loop *loop;
	proa_op op;
	cli_signals signals;
	int64_t result; /* of its end */
	bool ended;
	bool unwritten; /* what changed, and somebody may still wait for it */
} watcher;

static const struct {
	uint32_t bit;
	const char *word;
} words[] = {
	{PROA_W_OVERFLOW, "overflow"}, {PROA_W_CREATED, "created"},
	{PROA_W_REMOVED, "removed"},   {PROA_W_CHANGED, "changed"},
	{PROA_W_MOVED, "moved"},       {PROA_W_ATTRIBUTES, "attributes"},
};
enum { WORDS = sizeof words / sizeof words[0] };

/* As JSON and as a line of text alike: what would end the line, or the string, is escaped. Bytes
 * that are no UTF-8 are passed on as they are. */
static void name_print(const char *name, bool json)
{
	for (; *name; name++) {
		unsigned char c = (unsigned char)*name;

		if (c < 0x20 || c == 0x7f)
			printf("\\u%04x", c);
		else if (json && (c == '"' || c == '\\'))
			printf("\\%c", c);
		else
			putchar(c);
	}
}

static void change_print_json(const proa_change *c)
{
	const char *before = "";

	printf("{\"what\": [");
	for (unsigned i = 0; i < WORDS; i++)
		if (c->what & words[i].bit) {
			printf("%s\"%s\"", before, words[i].word);
			before = ", ";
		}
	printf("], \"folder\": %s, ", c->what & PROA_W_DIR ? "true" : "false");
	if (c->pair)
		printf("\"pair\": %u, ", (unsigned)c->pair);
	printf("\"name\": \"");
	name_print(c->name, true);
	printf("\"}\n");
}

/* The word for it: a move's two ends are "moved from" and "moved to". */
static void change_print(const proa_change *c)
{
	unsigned i = 0;

	while (i + 1 < WORDS && !(c->what & words[i].bit))
		i++;
	if (c->what & PROA_W_MOVED)
		printf("moved-%s", c->what & PROA_W_CREATED ? "to" : "from");
	else
		printf("%s", words[i].word);
	printf(" ");
	name_print(c->name_len ? c->name : ".", false);
	printf("%s\n", c->what & PROA_W_DIR && c->name_len ? "/" : "");
}

static void begin_print(const cli_args *args)
{
	printf(args->json ? "{\"watching\": \"" : "watching ");
	name_print(args->dir, args->json);
	printf(args->json ? "\"}\n" : "\n");
}

static void on_change(proa_op *op)
{
	watcher *w = PROA_OF(op, watcher, op);
	int64_t at = 0;

	if (!(op->got & PROA_MORE)) {
		w->result = op->result;
		w->ended = true;
		proa_stop(w->loop);
		return;
	}
	errno = 0;
	if (!op->result)
		begin_print(w->args);
	while (at < op->result) {
		const proa_change *c = (const void *)((const char *)op->buf + at);

		at += c->bytes;
		(w->args->json ? change_print_json : change_print)(c);
	}
	if (fflush(stdout) || ferror(stdout)) {
		w->unwritten = errno != EPIPE; /* that is: nobody reads it any more */
		proa_stop(w->loop);
	}
}

static void watch_stop(unsigned again, void *user)
{
	(void)again;
	proa_stop(((watcher *)user)->loop);
}

static int watch_run(const cli_args *args)
{
	watcher w = {.args = args, .signals = {.stop = watch_stop, .user = &w}};
	proa_loop_options o = {.backend = args->backend};
	unsigned flags = args->flat ? 0 : PROA_WATCH_TREE;
	int rc;

	if (!args->dir)
		return cli_fail("watch needs a folder or a file");
	cli_signals_prepare();
	if ((rc = proa_loop_open(&w.loop, &o)) < 0)
		return cli_fail_backend(args, rc);
	cli_signals_watch(&w.signals, w.loop);
	proa_watch(proa_root(w.loop), &w.op, args->dir, flags, on_change);
	proa_run(w.loop);
	rc = w.ended ? (int)w.result : 0;
	proa_loop_close(&w.loop, 0);
	if (w.unwritten)
		return cli_fail("cannot write to stdout");
	return rc < 0 ? cli_fail("cannot watch '%s': %s", args->dir, proa_err_text(rc)) : CLI_OK;
}

const cli_command cli_watch = {
	.name = "watch",
	.usage = "DIR [--flat] [--json] [--backend NAME]",
	.about = "Prints a line for each change of the files and folders below one.",
	.help = "  DIR                  a folder, with all below it; or a file\n"
		"  --flat               not what is below its folders\n"
		"  --json               each line an object: what, folder, pair, name\n"
		"  --backend NAME       one of 'proa doctor', or it fails (default: the best)\n\n"
		"Ends by SIGTERM or SIGINT, when nobody reads its lines any more, or when DIR\n"
		"itself is removed or moved.\n",
	.takes = CLI_DIR | CLI_JSON | CLI_BACKEND | CLI_WATCH,
	.run = watch_run,
};
