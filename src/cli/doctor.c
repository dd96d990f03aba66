/* proa doctor: what this machine can do, as a table or as JSON. */
/* SPDX-License-Identifier: MIT */
#include "proa/doctor.h"
#include "cli.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- for people ---- */

static void print_items(const char *title, const proa_doctor_item *item, unsigned n)
{
	printf("\n%s\n", title);
	for (unsigned i = 0; i < n; i++)
		printf("  %-24s %-4s%s%s\n", item[i].name, item[i].works ? "yes" : "no",
		       *item[i].why ? "  " : "", item[i].why);
}

static void print_limit(const char *name, int64_t limit, const char *unit)
{
	if (limit < 0)
		printf("  %-24s unlimited\n", name);
	else
		printf("  %-24s %" PRId64 "%s\n", name, limit, unit);
}

static void print_text(const proa_doctor_report *r)
{
	printf("proa %s on %s, %u CPU%s\n", PROA_VERSION, r->system, r->cpus,
	       r->cpus == 1 ? "" : "s");
	printf("a loop gets: %s\n", *r->chosen ? r->chosen : "nothing, see below");
	print_items("backends", r->backend, r->backends);
	if (r->features)
		print_items("features of io_uring", r->feature, r->features);
	printf("\nsizes\n  %-24s %zu bytes\n  %-24s %zu bytes\n", "proa_op", r->op_bytes,
	       "proa_handle", r->handle_bytes);
	printf("\nlimits\n");
	print_limit("descriptors", r->files_max, "");
	print_limit("locked memory", r->memlock_bytes, " bytes");
}

/* ---- for programs ---- */

static void print_json_items(const char *name, const proa_doctor_item *item, unsigned n)
{
	printf(",\n  \"%s\": [", name);
	for (unsigned i = 0; i < n; i++) {
		printf("%s\n    {\"name\": ", i ? "," : "");
		cli_print_json(item[i].name);
		printf(", \"works\": %s, \"why\": ", item[i].works ? "true" : "false");
		cli_print_json(item[i].why);
		printf("}");
	}
	printf("\n  ]");
}

static void print_json(const proa_doctor_report *r)
{
	printf("{\n  \"version\": ");
	cli_print_json(PROA_VERSION);
	printf(",\n  \"system\": ");
	cli_print_json(r->system);
	printf(",\n  \"cpus\": %u,\n  \"chosen\": ", r->cpus);
	cli_print_json(r->chosen);
	printf(",\n  \"sizes\": {\"op\": %zu, \"handle\": %zu}", r->op_bytes, r->handle_bytes);
	printf(",\n  \"limits\": {\"descriptors\": %" PRId64 ", \"memlock\": %" PRId64 "}",
	       r->files_max, r->memlock_bytes);
	print_json_items("backends", r->backend, r->backends);
	print_json_items("features", r->feature, r->features);
	printf("\n}\n");
}

static int doctor_run(const cli_args *args)
{
	static proa_doctor_report report; /* 10 KiB */

	report.size = sizeof report;
	proa_doctor(&report);
	if (args->json)
		print_json(&report);
	else
		print_text(&report);
	return cli_written(CLI_OK);
}

const cli_command cli_doctor = {
	.name = "doctor",
	.usage = "[--json]",
	.about = "Says which backends and io_uring features work here, and why not.",
	.help = "  --json   the same for programs; memlock -1 is unlimited\n",
	.takes = CLI_JSON,
	.run = doctor_run,
};
