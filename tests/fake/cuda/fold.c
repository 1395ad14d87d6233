/* SPDX-License-Identifier: BSD-3-Clause */
/* Reductions, element by element. */
#include <math.h>
#include <string.h>

#include "kernel.h"

size_t fake_type_bytes(int type)
{
	static const size_t bytes[FAKE_TYPES] = { 1, 1, 4, 4, 8, 8, 2, 4, 8, 2, 1, 1 };

	return bytes[type];
}

static bool is_float(int type)
{
	return type >= FAKE_FLOAT16;
}

static double half_value(uint16_t bits)
{
	int exponent = bits >> 10 & 31, mantissa = bits & 1023;
	double value;

	if (exponent == 31)
		value = mantissa != 0 ? NAN : INFINITY;
	else
		value = ldexp(exponent != 0 ? mantissa + 1024 : mantissa, exponent != 0 ? exponent - 25 : -24);
	return bits >> 15 != 0 ? -value : value;
}

/* Nearest, ties to even: nearbyint() rounds so unless somebody asked for otherwise. */
static uint16_t half_bits(double value)
{
	uint16_t sign = signbit(value) ? 0x8000 : 0;
	double size = fabs(value);
	int exponent;

	if (isnan(value))
		return 0x7e00;
	if (size >= 65520)
		return sign | 0x7c00;
	frexp(size, &exponent);
	exponent = size < ldexp(1, -14) ? -13 : exponent;
	/* a mantissa that rounds up to 2048 carries into the exponent as it should */
	return (uint16_t)(sign + ((exponent + 13) << 10) + (int)nearbyint(ldexp(size, 11 - exponent)));
}

static uint16_t bfloat_bits(double value)
{
	float single = (float)value;
	uint32_t bits;

	memcpy(&bits, &single, sizeof(bits));
	if (isnan(value))
		return 0x7fc0;
	return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static double float_get(int type, const void *at)
{
	uint32_t wide;
	uint16_t narrow;
	double d;
	float f;

	switch (type) {
	case FAKE_FLOAT64:
		memcpy(&d, at, sizeof(d));
		return d;
	case FAKE_FLOAT32:
		memcpy(&f, at, sizeof(f));
		return f;
	default:
		memcpy(&narrow, at, sizeof(narrow));
	}
	if (type == FAKE_FLOAT16)
		return half_value(narrow);
	wide = (uint32_t)narrow << 16;
	memcpy(&f, &wide, sizeof(f));
	return f;
}

static void float_put(int type, void *at, double value)
{
	float f = (float)value;
	uint16_t narrow;

	switch (type) {
	case FAKE_FLOAT64:
		memcpy(at, &value, sizeof(value));
		return;
	case FAKE_FLOAT32:
		memcpy(at, &f, sizeof(f));
		return;
	default:
		narrow = type == FAKE_FLOAT16 ? half_bits(value) : bfloat_bits(value);
		memcpy(at, &narrow, sizeof(narrow));
	}
}

/* In double: rounding its result once more gives what the narrower type would have given. */
static void fold_float(const struct fake_fold *fold, char *to, const char *received, const char *own)
{
	double a = received != NULL ? float_get(fold->type, received) : 0;
	double b = float_get(fold->type, own);

	if (fold->op == FAKE_PREMULSUM) {
		double factor = float_get(fold->type, &fold->argument);
		char product[8];

		float_put(fold->type, product, b * factor);
		b = float_get(fold->type, product);
	}
	if (received == NULL)
		a = b;
	else if (fold->op == FAKE_PROD)
		a *= b;
	else if (fold->op == FAKE_MINMAX)
		a = (fold->argument & 1) == 0 ? fmin(a, b) : fmax(a, b);
	else
		a += b;
	float_put(fold->type, to, a);
}

static uint64_t integer_get(size_t bytes, const char *at)
{
	uint64_t value = 0;

	memcpy(&value, at, bytes); /* little-endian, as all that has a GPU stand-in here */
	return value;
}

static uint64_t divided(uint64_t value, size_t bytes, uint64_t argument)
{
	unsigned int shift = (unsigned int)(64 - 8 * bytes);
	int64_t number = (int64_t)(value << shift) >> shift;

	if ((argument & 1) == 0)
		return value / (argument >> 1);
	return (uint64_t)(number / (int64_t)(argument >> 1));
}

/* The argument of least and greatest is a mask that makes unsigned order of the order wanted. */
static void fold_integer(const struct fake_fold *fold, char *to, const char *received, const char *own,
	bool last)
{
	size_t bytes = fake_type_bytes(fold->type);
	uint64_t a = received != NULL ? integer_get(bytes, received) : 0, b = integer_get(bytes, own);
	uint64_t width = UINT64_MAX >> (64 - 8 * bytes);

	if (fold->op == FAKE_PREMULSUM)
		b = b * fold->argument & width;
	if (received == NULL)
		a = b;
	else if (fold->op == FAKE_PROD)
		a *= b;
	else if (fold->op == FAKE_MINMAX)
		a = ((a ^ fold->argument) & width) < ((b ^ fold->argument) & width) ? a : b;
	else
		a += b;
	if (fold->op == FAKE_SUMPOSTDIV && last)
		a = divided(a & width, bytes, fold->argument);
	memcpy(to, &a, bytes);
}

void fake_fold(const struct fake_fold *fold, char *to, const char *received, const char *own, size_t n,
	bool last)
{
	size_t bytes = fake_type_bytes(fold->type);

	for (size_t i = 0; i < n; i++) {
		const char *from = received != NULL ? received + i * bytes : NULL;

		if (is_float(fold->type))
			fold_float(fold, to + i * bytes, from, own + i * bytes);
		else
			fold_integer(fold, to + i * bytes, from, own + i * bytes, last);
	}
}
