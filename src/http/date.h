/* HTTP dates (RFC 9110, 5.6.7) and the calendar behind them: UTC, no zones, no locale. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_HTTP_DATE_H
#define PX_HTTP_DATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct px_civil {
	int64_t year;
	unsigned month, day, hour, minute, second, weekday; /* month 1 to 12, weekday 0: Sunday */
} px_civil;

px_civil px_civil_of(int64_t unix_s);
int64_t px_civil_seconds(const px_civil *civil); /* the way back; weekday is ignored */
extern const char px_month_name[12][4];

enum { PX_DATE_TEXT = 30 };
/* "Sun, 06 Nov 1994 08:49:37 GMT" and a 0, PX_DATE_TEXT bytes; years 0 to 9999, else clamped. */
void px_date_print(int64_t unix_s, char *out);
/* All three forms that a recipient must accept. `now_s` is for the two-digit years of RFC 850.
 * False: no date. */
bool px_date_parse(const char *text, int64_t now_s, int64_t *out);

#endif
