/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CT_BENCH_PRETEND_H
#define CT_BENCH_PRETEND_H

/* accept --pretend FILE: judges a made-up cluster; JSON (a path, "-" or NULL) gets the outcome. Prints,
 * and returns an exit status. */
int ct_pretend_main(const char *file, const char *json);

#endif
