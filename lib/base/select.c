/* SPDX-License-Identifier: BSD-3-Clause */
/* The K-th smallest of many values without sorting them all. */
#include <stdlib.h>

#include "stats.h"

enum { FEW = 24 /* so few are sorted by insertion */ };

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void insertion(double *v, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		double x = v[i];
		size_t k = i;

		for (; k > 0 && v[k - 1] > x; k--)
			v[k] = v[k - 1];
		v[k] = x;
	}
}

static double middle_of(double a, double b, double c)
{
	if (a > b)
		return b > c ? b : a > c ? c : a;
	return a > c ? a : b > c ? c : b;
}

/* Parts V around PIVOT, a value of it: before the returned place none is above it, from there on none
 * below; neither part is empty (Hoare 1961, N > 1). */
static size_t part(double *v, size_t n, double pivot)
{
	size_t i = 0, j = n;
	double swap;

	for (;;) {
		while (v[i] < pivot)
			i++;
		do
			j--;
		while (v[j] > pivot);
		if (i >= j)
			return i > 0 ? i : 1;
		swap = v[i];
		v[i++] = v[j];
		v[j] = swap;
	}
}

double ct_select(double *v, size_t n, size_t k)
{
	size_t low = 0, high = n, turns = 0;

	for (size_t m = n; m > 1; m /= 2)
		turns += 4;
	for (; high - low > FEW; turns--) {
		size_t m = high - low, cut;

		/* values in an order that foils the pivots are sorted instead: never N * N */
		if (turns == 0) {
			qsort(v + low, m, sizeof(*v), by_value);
			return v[k];
		}
		cut = low + part(v + low, m, middle_of(v[low], v[low + m / 2], v[high - 1]));
		if (k < cut)
			high = cut;
		else
			low = cut;
	}
	insertion(v + low, high - low);
	return v[k];
}

double ct_middle(double *v, size_t n)
{
	double high = ct_select(v, n, n / 2), low = v[0];

	if (n % 2 == 1)
		return high;
	/* what is before the middle is no larger, in whatever order */
	for (size_t i = 1; i < n / 2; i++)
		low = v[i] > low ? v[i] : low;
	return (low + high) / 2;
}
