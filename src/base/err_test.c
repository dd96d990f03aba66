/* The error table: complete, frozen, and readable with either sign. */
/* SPDX-License-Identifier: MIT */
#include "proa/err.h"

#include "base/util.h"
#include "test.h"

#include <string.h>

TEST(err_either_sign)
{
	CHECK(strcmp(proa_err_name(-PROA_ECONNRESET), "ECONNRESET") == 0);
	CHECK(strcmp(proa_err_name(PROA_ECONNRESET), "ECONNRESET") == 0);
	CHECK(proa_err_text(-PROA_EFULL) == proa_err_text(PROA_EFULL));
	CHECK(strcmp(proa_err_name(0), "OK") == 0);
	CHECK(strcmp(proa_err_text(0), "success") == 0);
}

TEST(err_unknown)
{
	static const int64_t unknown[] = {PROA_ERR_END_, -PROA_ERR_END_, INT64_MIN, INT64_MAX};

	for (unsigned i = 0; i < PX_COUNT(unknown); i++) {
		CHECK(strcmp(proa_err_name(unknown[i]), "EUNKNOWN") == 0);
		CHECK(strcmp(proa_err_text(unknown[i]), "unknown error") == 0);
	}
}

/* Numbers are for ever: these few would show a shift, and the end a forgotten one. */
TEST(err_numbers_are_frozen)
{
	CHECK(PROA_ECANCELED == 1 && PROA_ETIMEDOUT == 2 && PROA_EPIPE == 13);
	CHECK(PROA_ENOENT == 20 && PROA_EIO == 32 && PROA_ENOTSUP == 41);
	CHECK(PROA_ENONAME == 44 && PROA_ESTOPPED == 48 && PROA_ESYS == 52 && PROA_ESEEK == 59);
}

TEST(err_every_number_has_a_name_and_a_text)
{
	for (int64_t e = 1; e < PROA_ERR_END_; e++) {
		const char *text = proa_err_text(e);

		CHECK(proa_err_name(e)[0] == 'E' && strcmp(proa_err_name(e), "EUNKNOWN") != 0);
		CHECK(strlen(text) > 5 && strlen(text) < 80 && text[strlen(text) - 1] != '.');
		for (int64_t other = 1; other < e; other++)
			CHECK(strcmp(text, proa_err_text(other)) != 0);
	}
}
