/* SPDX-License-Identifier: BSD-3-Clause */
/* SHA-256 (FIPS 180-4), for naming data by their content; not for secrets. */
#ifndef CT_BASE_SHA256_H
#define CT_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

/* The digest of BYTES bytes at DATA. Any thread. */
void ct_sha256(const void *data, size_t bytes, uint8_t digest[32]);

/* Room for "sha256:", 64 hexadecimal digits and NUL. */
enum { CT_SHA256_TEXT = 72 };

/* The digest of BYTES bytes at DATA as "sha256:…" in OUT. Any thread. */
void ct_sha256_text(const void *data, size_t bytes, char out[CT_SHA256_TEXT]);

#endif
