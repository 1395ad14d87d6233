/* SPDX-License-Identifier: BSD-3-Clause */
/* SHA-256 (FIPS 180-4), for naming data by their content; not for secrets. */
#ifndef CT_TOPO_SHA256_H
#define CT_TOPO_SHA256_H

#include <stddef.h>
#include <stdint.h>

/* The digest of BYTES bytes at DATA. Any thread. */
void ct_sha256(const void *data, size_t bytes, uint8_t digest[32]);

#endif
