/* SPDX-License-Identifier: BSD-3-Clause */
/* Units are parsed once and printed once; between, everything is bytes, ns and bytes per second. */
#ifndef CT_BASE_UNITS_H
#define CT_BASE_UNITS_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

/* "8", "4K", "1.5M", "2G", "1T", with optional "iB" or "B": powers of two, as nccl-tests and OSU
 * read them; k, m, g, t are the same. Fractions must give whole bytes and have at most 18 decimals.
 * CT_INVALID: not a size, negative, beyond 2^63-1. No spaces, signs, exponents or hexadecimal. */
ct_status ct_size_parse(const char *text, uint64_t *bytes);

/* "10ns" "5us" "2.5ms" "30s" "15m" "8h"; a bare number is seconds. CT_INVALID as above. */
ct_status ct_time_parse(const char *text, uint64_t *ns);

/* A whole decimal number within [low, high]; a finite decimal real number within [low, high], with
 * a point in every locale. A minus sign may stand in front, nothing else. CT_INVALID, CT_NOMEM. */
ct_status ct_int_parse(const char *text, int64_t low, int64_t high, int64_t *value);
ct_status ct_real_parse(const char *text, double low, double high, double *value);

/* Shortest exact form: 8, 4K, 1.5M, 1000. OUT of 32 bytes always suffices. */
const char *ct_size_text(uint64_t bytes, char out[32]);

/* Three significant digits: "850 ns", "12.3 us", "4.56 ms", "7.89 s"; 1000 s and more are
 * whole seconds, below 1 us whole ns. */
const char *ct_time_text(uint64_t ns, char out[32]);

/* "12.3 GB/s", "850 MB/s", "2.00 kB/s", "7 B/s" (1e9, 1e6, 1e3); "? B/s" when negative or no
 * number. 1000 GB/s and more stay GB/s. */
const char *ct_rate_text(double Bps, char out[32]);

#endif
