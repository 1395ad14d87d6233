/* SPDX-License-Identifier: BSD-3-Clause */
/* A text buffer that grows up to a stated limit. */
#ifndef CT_BASE_BUF_H
#define CT_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

struct ct_buf {
	char *text; /* always NUL-terminated once anything was added; NULL before */
	size_t used, room, limit;
	bool failed; /* sticky: no memory, or the limit was passed */
};

/* An empty buffer of at most LIMIT bytes of text (SIZE_MAX: as much as memory holds). */
struct ct_buf ct_buf_make(size_t limit);

/* Adds HEAD and TEXT in lines of at most 100 columns, broken between words; further lines are indented
 * as deep as HEAD is long. */
void ct_buf_wrapped(struct ct_buf *buf, const char *head, const char *text);

/* Adds formatted text. After a failure nothing more is added; check once with ct_buf_status(). */
void ct_buf_add(struct ct_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* CT_OK, or CT_NOMEM (with the reason for ct_why()) when an addition was lost. */
ct_status ct_buf_status(const struct ct_buf *buf);

/* Frees the text; the buffer is then empty and may be used again. */
void ct_buf_free(struct ct_buf *buf);

/* Foreign text (host names, notes, devices) made fit for a terminal: control characters and
 * bytes that are not printable ASCII or UTF-8 become '?', as do the characters that turn the
 * direction of text or break lines (U+200E, U+2028 and their like). Cut to ROOM between two
 * characters; OUT always ends in NUL (unless ROOM is 0) and may be IN. */
void ct_text_clean(char *out, size_t room, const char *in);

#endif
