/* Names and texts of errors. */
/* SPDX-License-Identifier: MIT */
#include "proa/err.h"

/* The table is PROA_ERR_LIST in the public header, because that cannot include a file from here;
 * everything else expands it. Two errors with one number do not compile: a case twice. */

static int64_t error_number(int64_t result)
{
	return result < 0 && result > INT64_MIN ? -result : result;
}

const char *proa_err_name(int64_t result)
{
	switch (error_number(result)) {
	case 0: return "OK";
#define ERR_NAME(name, number, text) \
	case number: return #name;
		PROA_ERR_LIST(ERR_NAME)
	default: return "EUNKNOWN";
	}
}

const char *proa_err_text(int64_t result)
{
	switch (error_number(result)) {
	case 0: return "success";
#define ERR_TEXT(name, number, text) \
	case number: return text;
		PROA_ERR_LIST(ERR_TEXT)
	default: return "unknown error";
	}
}
