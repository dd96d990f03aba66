/* HTTP dates. */
/* SPDX-License-Identifier: MIT */
#include "http/date.h"

#include <stdio.h>
#include <string.h>

const char px_month_name[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char weekday_name[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

enum { DAY = 86400 };

/* Days since 1970-01-01, by years which begin in March, so that the leap day comes last. */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * (int64_t)(month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

px_civil px_civil_of(int64_t unix_s)
{
	int64_t day = unix_s / DAY - (unix_s % DAY < 0), second = unix_s - day * DAY;
	int64_t z = day + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097, of_era = z - era * 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t march = (5 * of_year + 2) / 153;

	return (px_civil){
		.year = year + era * 400 + (march >= 10),
		.month = (unsigned)(march < 10 ? march + 3 : march - 9),
		.day = (unsigned)(of_year - (153 * march + 2) / 5 + 1),
		.hour = (unsigned)(second / 3600),
		.minute = (unsigned)(second / 60 % 60),
		.second = (unsigned)(second % 60),
		.weekday = (unsigned)(((day + 4) % 7 + 7) % 7),
	};
}

int64_t px_civil_seconds(const px_civil *c)
{
	return days_of(c->year, c->month, c->day) * DAY + c->hour * 3600 + c->minute * 60 +
	       c->second;
}

void px_date_print(int64_t unix_s, char *out)
{
	px_civil c = px_civil_of(unix_s);
	int year = c.year < 0 ? 0 : c.year > 9999 ? 9999 : (int)c.year;

	snprintf(out, PX_DATE_TEXT, "%s, %02u %s %04d %02u:%02u:%02u GMT",
	         weekday_name[c.weekday % 7], c.day % 100, px_month_name[c.month - 1], year,
	         c.hour % 100, c.minute % 100, c.second % 100);
}

/* ---- parsing: a pattern of one letter a piece ---- */

/* Up to `max` and at least `min` digits. */
static const char *take_number(const char *at, int min, int max, int64_t *out)
{
	int n = 0;

	for (*out = 0; n < max && at[n] >= '0' && at[n] <= '9'; n++)
		*out = *out * 10 + (at[n] - '0');
	return n < min ? NULL : at + n;
}

static const char *take_month(const char *at, px_civil *c)
{
	for (unsigned i = 0; i < 12; i++) {
		if (!strncmp(at, px_month_name[i], 3)) {
			c->month = i + 1;
			return at + 3;
		}
	}
	return NULL;
}

static const char *take_clock(const char *at, px_civil *c)
{
	int64_t h, m, s;

	if (!(at = take_number(at, 2, 2, &h)) || *at++ != ':' ||
	    !(at = take_number(at, 2, 2, &m)) || *at++ != ':' ||
	    !(at = take_number(at, 2, 2, &s)) || h > 23 || m > 59 || s > 60)
		return NULL;
	c->hour = (unsigned)h;
	c->minute = (unsigned)m;
	c->second = (unsigned)s;
	return at;
}

/* w weekday, short or long; d two digits of a day, D the same or blank and one; m month; Y year
 * of four, y of two; c clock; else itself. */
static const char *take(const char *at, char piece, px_civil *c)
{
	int64_t n;

	switch (piece) {
	case 'w': return at + strspn(at, "MTWFSadehinorstuy");
	case 'm': return take_month(at, c);
	case 'c': return take_clock(at, c);
	case 'D':
	case 'd':
		if (piece == 'D' && *at == ' ')
			at = take_number(at + 1, 1, 1, &n);
		else
			at = take_number(at, 2, 2, &n);
		c->day = (unsigned)n;
		return at;
	case 'Y':
	case 'y':
		at = piece == 'Y' ? take_number(at, 4, 4, &n) : take_number(at, 2, 2, &n);
		c->year = n;
		return at;
	default: return *at == piece ? at + 1 : NULL;
	}
}

static bool match(const char *text, const char *pattern, px_civil *c)
{
	static const unsigned char length[12] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	*c = (px_civil){.month = 1};
	for (; text && *pattern; pattern++)
		text = take(text, *pattern, c);
	return text && !*text && c->day >= 1 && c->day <= length[c->month - 1];
}

bool px_date_parse(const char *text, int64_t now_s, int64_t *out)
{
	px_civil c;

	if (!match(text, "w, d m Y c GMT", &c) && !match(text, "w m D c Y", &c)) {
		if (!match(text, "w, d-m-y c GMT", &c))
			return false;
		/* More than 50 years ahead means the past (RFC 9110, 5.6.7). */
		c.year += px_civil_of(now_s).year / 100 * 100;
		if (c.year > px_civil_of(now_s).year + 50)
			c.year -= 100;
	}
	*out = px_civil_seconds(&c);
	return true;
}
