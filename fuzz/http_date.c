/* Dates: the calendar against counting, and what is read prints the same. */
/* SPDX-License-Identifier: MIT */
#include "fuzz.h"
#include "http/date.h"

enum { DAY_S = 86400, ERA_DAYS = 146097 };

static bool is_leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned month_days(int64_t year, unsigned month)
{
	static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month - 1] + (month == 2 && is_leap(year) ? 1u : 0u);
}

/* Year, month and day by counting from a year that 400 divides: 1600 or so many eras away. */
static px_civil civil_count(int64_t day)
{
	int64_t from = day + 135140; /* days since 1600-01-01 */
	int64_t era = from / ERA_DAYS - (from % ERA_DAYS < 0), left = from - era * ERA_DAYS;
	px_civil c = {.year = 1600 + 400 * era, .month = 1};

	for (; left >= 365 + is_leap(c.year); c.year++)
		left -= 365 + is_leap(c.year);
	for (; left >= month_days(c.year, c.month); c.month++)
		left -= month_days(c.year, c.month);
	c.day = (unsigned)left + 1;
	return c;
}

static void calendar_agrees(int64_t unix_s)
{
	int64_t day = unix_s / DAY_S - (unix_s % DAY_S < 0);
	px_civil c = px_civil_of(unix_s), want = civil_count(day);
	char text[PX_DATE_TEXT];
	int64_t again;

	px_assert(c.year == want.year && c.month == want.month && c.day == want.day);
	px_assert(c.hour < 24 && c.minute < 60 && c.second < 60 && c.weekday < 7);
	px_assert(px_civil_seconds(&c) == unix_s);
	px_assert((int64_t)c.weekday == ((day + 4) % 7 + 7) % 7);
	px_date_print(unix_s, text);
	px_assert(strlen(text) == PX_DATE_TEXT - 1);
	if (c.year >= 0 && c.year <= 9999)
		px_assert(px_date_parse(text, unix_s, &again) && again == unix_s);
}

/* What was read is a day that there is: printed it is the same text, if it was of that form and
 * needed no carry (a leap second, the 29th of February in a common year). */
static void text_holds(const char *text, int64_t now_s)
{
	char again[PX_DATE_TEXT];
	int64_t s, same;
	px_civil c;

	if (!px_date_parse(text, now_s, &s))
		return;
	calendar_agrees(s);
	c = px_civil_of(s);
	px_assert(c.year >= 0 && c.year <= 10000);
	px_date_print(s, again);
	if (c.year <= 9999)
		px_assert(px_date_parse(again, now_s, &same) && same == s);
	if (strlen(text) == PX_DATE_TEXT - 1 && text[3] == ',' && strncmp(text + 23, "60", 2) &&
	    strncmp(text + 5, "29 Feb", 6))
		px_assert(!strcmp(text + 3, again + 3));
	if (strstr(text, "-"))
		px_assert(c.year <= px_civil_of(now_s).year + 51);
}

FUZZ(http_date)
{
	fuzz_in in = {data, size};
	int64_t now_s = (int64_t)fuzz_word(&in, 4);
	char *text = fuzz_text(in.at, in.left);
	int64_t any_s = (int64_t)fuzz_word(&in, 8);

	text_holds(text, now_s);
	calendar_agrees(any_s / 1000); /* further than any clock */
	calendar_agrees(any_s % 253402300800);
	free(text);
}
