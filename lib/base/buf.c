/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "buf.h"

enum { BUF_FIRST = 256, COLUMNS = 100 };

struct ct_buf ct_buf_make(size_t limit)
{
	struct ct_buf buf = { .limit = limit < SIZE_MAX / 2 ? limit : SIZE_MAX / 2 };

	return buf;
}

/* Makes room for MORE bytes of text and a NUL. */
static bool grow(struct ct_buf *buf, size_t more)
{
	size_t need, room;
	char *text;

	if (more > buf->limit - buf->used)
		return false;
	need = buf->used + more + 1;
	if (need <= buf->room)
		return true;
	room = buf->room * 2 > BUF_FIRST ? buf->room * 2 : BUF_FIRST;
	if (room < need)
		room = need;
	if (room > buf->limit + 1)
		room = buf->limit + 1;
	text = ct_realloc(buf->text, room, 1);
	if (text == NULL)
		return false;
	buf->text = text;
	buf->room = room;
	return true;
}

void ct_buf_add(struct ct_buf *buf, const char *format, ...)
{
	va_list args;
	int length;

	if (buf->failed)
		return;
	va_start(args, format);
	length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (length < 0 || !grow(buf, (size_t)length)) {
		buf->failed = true;
		return;
	}
	va_start(args, format);
	vsnprintf(buf->text + buf->used, buf->room - buf->used, format, args);
	va_end(args);
	buf->used += (size_t)length;
}

ct_status ct_buf_status(const struct ct_buf *buf)
{
	if (!buf->failed)
		return CT_OK;
	return ct_fail(CT_NOMEM, "text beyond %zu bytes: no memory, or over its limit of %zu bytes",
		       buf->used, buf->limit);
}

void ct_buf_free(struct ct_buf *buf)
{
	ct_free(buf->text);
	*buf = ct_buf_make(buf->limit);
}

/* Length of the well-formed UTF-8 sequence at S (Unicode 15, table 3-7: no overlong forms, no
 * surrogates, nothing beyond U+10FFFF) with its code point, or 0. Never reads past a NUL. */
static size_t utf8_length(const unsigned char *s, uint32_t *point)
{
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length, i;
	uint32_t c = s[0];

	if (c < 0x80) {
		*point = c;
		return 1;
	}
	length = (c & 0xe0) == 0xc0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : (c & 0xf8) == 0xf0 ? 4 : 0;
	if (length == 0)
		return 0;
	c &= 0x7fu >> length;
	for (i = 1; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3fu);
	}
	if (c < least[length] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*point = c;
	return length;
}

/* Controls (C0, DEL, C1) and the characters that reorder or break the line around them. */
static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

void ct_text_clean(char *out, size_t room, const char *in)
{
	const unsigned char *s = (const unsigned char *)in;
	size_t used = 0;

	if (room == 0)
		return;
	while (*s != '\0') {
		uint32_t point = 0;
		size_t length = utf8_length(s, &point), shown = length;
		bool bad = length == 0 || is_control(point);

		if (length == 0)
			length = 1;
		if (bad)
			shown = 1;
		if (shown >= room - used)
			break;
		for (size_t i = 0; i < shown; i++)
			out[used++] = bad ? '?' : (char)s[i];
		s += length;
	}
	out[used] = '\0';
}

/* Columns that the first BYTES of TEXT take; UTF-8, one column a character. */
static size_t columns(const char *text, size_t bytes)
{
	size_t n = 0;

	for (size_t i = 0; i < bytes; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

void ct_buf_wrapped(struct ct_buf *out, const char *head, const char *text)
{
	size_t indent = columns(head, strlen(head)), at = indent;

	ct_buf_add(out, "%s", head);
	while (*text != '\0') {
		size_t length = strcspn(text, " "), width = columns(text, length);

		if (at > indent && at + 1 + width > COLUMNS) {
			ct_buf_add(out, "\n%*s", (int)indent, "");
			at = indent;
		}
		ct_buf_add(out, "%s%.*s", at > indent ? " " : "", (int)length, text);
		at += width + (at > indent);
		text += length;
		text += strspn(text, " ");
	}
	ct_buf_add(out, "\n");
}
