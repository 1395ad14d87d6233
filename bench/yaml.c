/* SPDX-License-Identifier: BSD-3-Clause */
/* What people write, through libcyaml. */
#include "yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"

enum { FILE_MOST = 4 << 20 };

struct said {
	char what[200]; /* its first complaint */
	unsigned long line;
};

static void hear(cyaml_log_t level, void *ctx, const char *format, va_list args)
{
	struct said *said = ctx;
	char text[200];
	const char *line;

	if (level < CYAML_LOG_ERROR)
		return;
	vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\n")] = '\0';
	line = strstr(text, "line: ");
	if (line != NULL && said->line == 0)
		said->line = strtoul(line + strlen("line: "), NULL, 10);
	if (said->what[0] == '\0' && strstr(text, "Backtrace") == NULL)
		snprintf(said->what, sizeof(said->what), "%s",
			strncmp(text, "Load: ", 6) == 0 ? text + 6 : text);
}

static ct_status read_file(const char *path, char **text, size_t *bytes)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ct_status status = CT_OK;
	struct stat st;
	ssize_t got;

	if (fd < 0)
		return ct_fail(CT_IO, "%s: %s", path, strerror(errno));
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MOST) {
		close(fd);
		return ct_fail(CT_IO, "%s: not a regular file of at most %d bytes", path, FILE_MOST);
	}
	*text = ct_alloc((size_t)st.st_size + 1, 1);
	*bytes = 0;
	while (*text != NULL && *bytes < (size_t)st.st_size) {
		got = read(fd, *text + *bytes, (size_t)st.st_size - *bytes);
		if (got <= 0)
			break;
		*bytes += (size_t)got;
	}
	close(fd);
	if (*text == NULL)
		status = CT_NOMEM;
	return status;
}

static bool is_listed(const char *const *keys, const char *key)
{
	for (; *keys != NULL; keys++)
		if (strcmp(*keys, key) == 0)
			return true;
	return false;
}

/* All keys below ROW, for a hint; each is looked at once. */
static void list_keys(const cyaml_schema_value_t *row, const char **keys, size_t room)
{
	size_t n = 0;

	while (keys[n] != NULL)
		n++;
	if (row->type == CYAML_SEQUENCE)
		list_keys(row->sequence.entry, keys, room);
	if (row->type != CYAML_MAPPING)
		return;
	for (const cyaml_schema_field_t *f = row->mapping.fields; f->key != NULL; f++) {
		if (n + 1 < room && !is_listed(keys, f->key))
			keys[n++] = f->key;
		keys[n] = NULL;
	}
	for (const cyaml_schema_field_t *f = row->mapping.fields; f->key != NULL; f++)
		list_keys(&f->value, keys, room);
}

static const char unknown_key[] = "Unexpected key: ";

/* libcyaml's line is that of what it read before an unknown key: the first line from FROM on where KEY
 * stands before a colon. */
static unsigned long line_of(const char *text, size_t bytes, const char *key, unsigned long from)
{
	unsigned long line = 1;
	size_t n = strlen(key);

	for (size_t i = 0; n > 0 && i + n < bytes; i++) {
		line += text[i] == '\n';
		if (line >= from && strncmp(text + i, key, n) == 0 && text[i + n] == ':' &&
			(i == 0 || strchr("\n {,-", text[i - 1]) != NULL))
			return line;
	}
	return from > 0 ? from : 1;
}

/* libcyaml names a key that it does not know at the end of its words. */
static const char *hint_of(const cyaml_schema_value_t *row, const char *what, char out[256])
{
	const char *key = strstr(what, unknown_key), *keys[64] = { NULL };

	out[0] = '\0';
	if (key == NULL)
		return out;
	list_keys(row, keys, sizeof(keys) / sizeof(keys[0]));
	return ct_name_hint(key + strlen(unknown_key), keys, out);
}

ct_status ct_yaml_text(const char *path, char **text, size_t *bytes)
{
	return read_file(path, text, bytes);
}

ct_status ct_yaml_parse(const char *text, size_t bytes, const char *name, const cyaml_schema_value_t *row,
	cyaml_data_t **out)
{
	struct said said = { .line = 0 };
	const cyaml_config_t config = { .log_fn = hear, .log_ctx = &said, .mem_fn = cyaml_mem,
		.log_level = CYAML_LOG_ERROR, .flags = CYAML_CFG_NO_ALIAS };
	cyaml_err_t error = cyaml_load_data((const uint8_t *)text, bytes, &config, row, out, NULL);
	const char *key = strstr(said.what, unknown_key);
	char hint[256];

	if (error == CYAML_ERR_OOM)
		return ct_fail(CT_NOMEM, "%s: no memory to read it", name);
	if (error != CYAML_OK)
		return ct_fail(CT_INVALID, "%s:%lu: %s%s", name, key == NULL ? said.line + (said.line == 0) :
			line_of(text, bytes, key + strlen(unknown_key), said.line),
			said.what[0] != '\0' ? said.what : cyaml_strerror(error),
			hint_of(row, said.what, hint));
	return CT_OK;
}

ct_status ct_yaml_load(const char *path, const cyaml_schema_value_t *row, cyaml_data_t **out)
{
	char *text = NULL;
	size_t bytes = 0;
	ct_status status = read_file(path, &text, &bytes);

	if (status == CT_OK)
		status = ct_yaml_parse(text, bytes, path, row, out);
	ct_free(text);
	return status;
}

void ct_yaml_free(const cyaml_schema_value_t *row, cyaml_data_t *data)
{
	const cyaml_config_t config = { .mem_fn = cyaml_mem, .log_level = CYAML_LOG_ERROR };

	cyaml_free(&config, row, data, 0);
}
