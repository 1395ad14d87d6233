/* SPDX-License-Identifier: BSD-3-Clause */
#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "table.h"

static ct_status open_file(const char *path, FILE **file)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (fd == -1)
		return ct_fail(CT_IO, "cannot write %s: %s", path,
			errno == ELOOP ? "it is a symbolic link" : strerror(errno));
	*file = fdopen(fd, "w");
	if (*file == NULL) {
		close(fd);
		return ct_fail(CT_NOMEM, "cannot write %s: no memory", path);
	}
	return CT_OK;
}

static ct_status put(FILE *file, struct ct_buf *text)
{
	ct_status status = ct_buf_status(text);

	if (status == CT_OK && (fputs(text->text, file) == EOF || fflush(file) == EOF))
		status = ct_fail(CT_IO, "cannot write the CSV file: %s", strerror(errno));
	ct_buf_free(text);
	return status;
}

ct_status ct_sink_open(const char *json, const char *csv, const json_t *environment,
	struct ct_sink *sink)
{
	struct ct_sink made = { NULL, NULL };
	struct ct_buf head = ct_buf_make(4096);
	ct_status status = CT_OK;

	if (json != NULL)
		status = open_file(json, &made.json);
	if (status == CT_OK && csv != NULL)
		status = open_file(csv, &made.csv);
	if (status == CT_OK && made.json != NULL)
		status = ct_json_line(made.json, environment);
	if (status == CT_OK && made.csv != NULL) {
		ct_csv_head(&head);
		status = put(made.csv, &head);
	}
	if (status == CT_OK)
		*sink = made;
	else
		(void)ct_sink_close(&made);
	return status;
}

ct_status ct_sink_add(struct ct_sink *sink, const struct ct_result *result)
{
	struct ct_buf row = ct_buf_make(8192);
	ct_status status = CT_OK;
	json_t *record;

	if (sink->json != NULL) {
		record = ct_record_point(result);
		if (record == NULL)
			return ct_fail(CT_NOMEM, "no memory for a record");
		status = ct_json_line(sink->json, record);
		json_decref(record);
	}
	if (status == CT_OK && sink->csv != NULL) {
		ct_csv_row(&row, result);
		status = put(sink->csv, &row);
	}
	return status;
}

ct_status ct_sink_close(struct ct_sink *sink)
{
	ct_status status = CT_OK;

	if (sink->json != NULL && fclose(sink->json) == EOF)
		status = ct_fail(CT_IO, "cannot write the JSON file: %s", strerror(errno));
	if (sink->csv != NULL && fclose(sink->csv) == EOF)
		status = ct_fail(CT_IO, "cannot write the CSV file: %s", strerror(errno));
	*sink = (struct ct_sink){ NULL, NULL };
	return status;
}
