/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "log.h"
#include "names.h"

enum { LINE_BYTES = 1024, WORD_BYTES = 32 };

#define LOG_TEXT(name, text) text,
static const char *const levels[] = { CT_LOG_LEVELS(LOG_TEXT) NULL };
static const char *const areas[] = { CT_LOG_AREAS(LOG_TEXT) NULL };
#undef LOG_TEXT

/* Where lines go; written once by the program before its threads start, then only read. */
static struct {
	ct_log_sink *sink;
	void *arg;
	enum ct_log_level level;
	uint32_t mask;
} to;

void ct_log_install(ct_log_sink *sink, void *arg, enum ct_log_level level, uint32_t mask)
{
	to.sink = sink;
	to.arg = arg;
	to.level = level;
	to.mask = mask;
}

/* Index in NAMES of the LENGTH bytes at TEXT; -1 with the reason set. */
static int word_index(const char *what, const char *text, size_t length, const char *const *names)
{
	char word[WORD_BYTES], hint[256];

	snprintf(word, sizeof(word), "%.*s", (int)(length < WORD_BYTES ? length : WORD_BYTES),
		 text);
	for (int i = 0; names[i] != NULL; i++)
		if (strcmp(word, names[i]) == 0)
			return i;
	ct_fail(CT_INVALID, "unknown log %s \"%s\"%s", what, word, ct_name_hint(word, names, hint));
	return -1;
}

ct_status ct_log_parse(const char *text, enum ct_log_level *level, uint32_t *mask)
{
	size_t length = strcspn(text, ":");
	int lv = word_index("level", text, length, levels);
	uint32_t chosen = 0;

	if (lv < 0)
		return CT_INVALID;
	if (text[length] == '\0')
		chosen = (1u << CT_LOG_NAREAS) - 1;
	while (text[length] != '\0') {
		int area;

		text += length + 1;
		length = strcspn(text, ",");
		area = word_index("area", text, length, areas);
		if (area < 0)
			return CT_INVALID;
		chosen |= 1u << area;
	}
	*level = (enum ct_log_level)lv;
	*mask = chosen;
	return CT_OK;
}

void ct_log_stderr(void *arg, enum ct_log_level level, enum ct_log_area area, const char *line)
{
	char out[LINE_BYTES + 64];
	int length;

	(void)arg;
	length = snprintf(out, sizeof(out), "colltune: %s: %s: %s\n", levels[level], areas[area],
			  line);
	if (length < 0)
		return;
	if ((size_t)length >= sizeof(out)) {
		length = sizeof(out) - 1;
		out[length - 1] = '\n';
	}
	/* One write, so that lines of several ranks do not mix. If stderr is gone, so is the log.
	 */
	while (write(STDERR_FILENO, out, (size_t)length) < 0 && errno == EINTR)
		;
}

void ct_log(enum ct_log_level level, enum ct_log_area area, const char *format, ...)
{
	int saved = errno;
	char raw[LINE_BYTES], line[LINE_BYTES];
	va_list args;

	if (to.sink == NULL || (unsigned int)level >= CT_LOG_NLEVELS || level > to.level ||
	    (unsigned int)area >= CT_LOG_NAREAS || (to.mask >> area & 1) == 0)
		return;
	va_start(args, format);
	if (vsnprintf(raw, sizeof(raw), format, args) >= 0) {
		ct_text_clean(line, sizeof(line), raw);
		to.sink(to.arg, level, area, line);
	}
	va_end(args);
	errno = saved;
}
