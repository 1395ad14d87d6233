/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "units.h"

enum { FRACTION_MOST = 18, SIZE_UNITS = 5 };

/* An unsigned decimal number, kept exactly: whole + fraction / 10^digits. */
struct decimal {
	uint64_t whole, fraction;
	unsigned int digits;
	const char *rest; /* the unit behind it */
};

struct unit {
	const char *name;
	uint64_t each;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "12", "1.5"; false for anything else in front, for numbers beyond 2^64 and for more than 18
 * decimals that are not zero. Not strtod: no locale, no hex, no exponent, no rounding. */
static bool decimal_read(const char *text, struct decimal *d)
{
	const char *last;

	memset(d, 0, sizeof(*d));
	if (!is_digit(*text))
		return false;
	for (; is_digit(*text); text++)
		if (__builtin_mul_overflow(d->whole, 10, &d->whole) ||
		    __builtin_add_overflow(d->whole, (uint64_t)(*text - '0'), &d->whole))
			return false;
	d->rest = text;
	if (*text != '.')
		return true;
	text++;
	if (!is_digit(*text))
		return false;
	last = text + strspn(text, "0123456789");
	d->rest = last;
	while (last > text && last[-1] == '0')
		last--;
	if (last - text > FRACTION_MOST)
		return false;
	for (; text < last; text++, d->digits++)
		d->fraction = d->fraction * 10 + (uint64_t)(*text - '0');
	return true;
}

/* D times EACH; false when that is not whole or is beyond 2^63 - 1. */
static bool decimal_scale(const struct decimal *d, uint64_t each, uint64_t *out)
{
	unsigned __int128 part = (unsigned __int128)d->fraction * each, sum;
	uint64_t ten = 1;

	for (unsigned int i = 0; i < d->digits; i++)
		ten *= 10;
	if (part % ten != 0)
		return false;
	sum = (unsigned __int128)d->whole * each + part / ten;
	if (sum > INT64_MAX)
		return false;
	*out = (uint64_t)sum;
	return true;
}

ct_status ct_size_parse(const char *text, uint64_t *bytes)
{
	static const char letters[] = "KMGT";
	struct decimal d;
	unsigned int shift = 0;
	const char *unit, *letter;

	if (!decimal_read(text, &d))
		return ct_fail(CT_INVALID, "\"%s\" is no size (such as 8, 4K, 1.5M, 2G)", text);
	unit = d.rest;
	letter = *unit == '\0' ? NULL : strchr(letters, *unit & ~0x20);
	if (letter != NULL && *letter != '\0') {
		shift = 10 * (unsigned int)(letter - letters + 1);
		unit++;
		if (*unit == 'i' && unit[1] == 'B')
			unit++;
	}
	if (*unit == 'B')
		unit++;
	if (*unit != '\0')
		return ct_fail(CT_INVALID,
			       "\"%s\" is no size: unit \"%s\" is none of B, K, M, G, T", text,
			       d.rest);
	if (!decimal_scale(&d, (uint64_t)1 << shift, bytes))
		return ct_fail(CT_INVALID, "\"%s\" is not a whole number of bytes below 2^63",
			       text);
	return CT_OK;
}

ct_status ct_time_parse(const char *text, uint64_t *ns)
{
	static const struct unit units[] = {
		{ "", 1000000000u },
		{ "ns", 1 },
		{ "us", 1000 },
		{ "ms", 1000000 },
		{ "s", 1000000000u },
		{ "m", 60 * 1000000000ull },
		{ "h", 3600 * 1000000000ull },
	};
	struct decimal d;

	if (!decimal_read(text, &d))
		return ct_fail(CT_INVALID, "\"%s\" is no time (such as 10us, 2.5ms, 30s, 15m)",
			       text);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(d.rest, units[i].name) != 0)
			continue;
		if (!decimal_scale(&d, units[i].each, ns))
			return ct_fail(CT_INVALID, "\"%s\" is not a whole number of ns below 2^63",
				       text);
		return CT_OK;
	}
	return ct_fail(CT_INVALID, "\"%s\" is no time: unit \"%s\" is none of ns, us, ms, s, m, h",
		       text, d.rest);
}

ct_status ct_int_parse(const char *text, int64_t low, int64_t high, int64_t *value)
{
	const char *digits = text + (*text == '-');
	size_t length = strspn(digits, "0123456789");
	long long v;

	if (length == 0 || digits[length] != '\0')
		return ct_fail(CT_INVALID, "\"%s\" is no whole number", text);
	errno = 0;
	v = strtoll(text, NULL, 10);
	if (errno != 0 || v < low || v > high)
		return ct_fail(CT_INVALID, "%s is outside %lld to %lld", text, (long long)low,
			       (long long)high);
	*value = v;
	return CT_OK;
}

/* [-] digits [. digits] [e [+-] digits], with a digit before or after the point. */
static bool is_real(const char *s)
{
	size_t whole, part = 0, digits;

	s += *s == '-';
	whole = strspn(s, "0123456789");
	s += whole;
	if (*s == '.') {
		part = strspn(s + 1, "0123456789");
		s += 1 + part;
	}
	if (whole + part == 0)
		return false;
	if (*s == 'e' || *s == 'E') {
		s += s[1] == '-' || s[1] == '+' ? 2 : 1;
		digits = strspn(s, "0123456789");
		if (digits == 0)
			return false;
		s += digits;
	}
	return *s == '\0';
}

ct_status ct_real_parse(const char *text, double low, double high, double *value)
{
	locale_t c;
	double v;

	if (!is_real(text))
		return ct_fail(CT_INVALID, "\"%s\" is no number", text);
	/* The program around us may have chosen a locale whose decimal point is a comma. */
	c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	if (c == (locale_t)0)
		return ct_fail(CT_NOMEM, "no memory to read \"%s\"", text);
	v = strtod_l(text, NULL, c);
	freelocale(c);
	if (!isfinite(v) || v < low || v > high)
		return ct_fail(CT_INVALID, "%s is outside %g to %g", text, low, high);
	*value = v;
	return CT_OK;
}

/* BYTES / 2^SHIFT written exactly, or an empty text when that takes more than 18 decimals. */
static size_t size_in_unit(uint64_t bytes, unsigned int shift, char out[48])
{
	uint64_t mask = ((uint64_t)1 << shift) - 1, rest = bytes & mask;
	int used = snprintf(out, 48, "%llu", (unsigned long long)(bytes >> shift)), digits = 0;

	if (rest != 0)
		out[used++] = '.';
	for (; rest != 0 && digits < FRACTION_MOST; digits++) {
		rest *= 10;
		out[used++] = (char)('0' + (rest >> shift));
		rest &= mask;
	}
	if (rest != 0)
		used = 0;
	else if (shift > 0)
		out[used++] = "?KMGT"[shift / 10];
	out[used] = '\0';
	return (size_t)used;
}

const char *ct_size_text(uint64_t bytes, char out[32])
{
	char text[48];
	size_t best = size_in_unit(bytes, 0, text);

	memcpy(out, text, best + 1);
	for (unsigned int i = 1; i < SIZE_UNITS && bytes >> (10 * i) != 0; i++) {
		size_t length = size_in_unit(bytes, 10 * i, text);

		if (length > 0 && length <= best) {
			best = length;
			memcpy(out, text, length + 1);
		}
	}
	return out;
}

/* VALUE in the first of N units in which three significant digits are below 1000, else in the
 * last. Whole numbers of the first unit stay whole. */
static const char *three_digits(uint64_t value, const struct unit *units, size_t n, char out[32])
{
	size_t i = 0;
	unsigned int decimals = 0;
	uint64_t scaled = value, ten = 1;

	while (scaled >= 1000 && (i + 1 < n || decimals > 0)) {
		if (decimals == 0) {
			i++;
			decimals = 2;
			ten = 100;
		} else {
			decimals--;
			ten /= 10;
		}
		scaled = (uint64_t)(((unsigned __int128)value * ten + units[i].each / 2) /
				    units[i].each);
	}
	if (decimals == 0)
		snprintf(out, 32, "%llu %s", (unsigned long long)scaled, units[i].name);
	else
		snprintf(out, 32, "%u.%0*u %s", (unsigned int)(scaled / ten), (int)decimals,
			 (unsigned int)(scaled % ten), units[i].name);
	return out;
}

const char *ct_time_text(uint64_t ns, char out[32])
{
	static const struct unit units[] = {
		{ "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000u }
	};

	return three_digits(ns, units, 4, out);
}

const char *ct_rate_text(double Bps, char out[32])
{
	static const struct unit units[] = {
		{ "B/s", 1 }, { "kB/s", 1000 }, { "MB/s", 1000000 }, { "GB/s", 1000000000u }
	};

	if (!(Bps >= 0) || Bps >= 0x1p63) {
		snprintf(out, 32, "? B/s");
		return out;
	}
	return three_digits((uint64_t)(Bps + 0.5), units, 4, out);
}
