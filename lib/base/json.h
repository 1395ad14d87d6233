/* SPDX-License-Identifier: BSD-3-Clause */
/* jansson with our habits: bounded files read without following links, unknown keys named with
 * their JSON pointer and the nearest known key, files written by temporary name and rename. */
#ifndef CT_BASE_JSON_H
#define CT_BASE_JSON_H

#include <jansson.h>
#include <stdio.h>
#include <sys/types.h>

#include "status.h"

/* Reads a JSON file of at most LIMIT bytes and depth 32; duplicate keys are refused. *JSON is a
 * new reference. CT_IO (open, read, a link, not a regular file), CT_INVALID (larger than LIMIT;
 * syntax or depth, with file and line), CT_NOMEM. The top level is an array or an object. */
ct_status ct_json_load(const char *path, size_t limit, json_t **json);

/* The same for text in memory; NAME stands for the file in messages. */
ct_status ct_json_parse(const char *text, size_t bytes, const char *name, json_t **json);

/* CT_INVALID naming POINTER/key and the nearest of KNOWN (NULL-ended) for any other key, or naming
 * POINTER when OBJECT is none. POINTER is "" for the whole file, else like "/rules/3". */
ct_status ct_json_known(const json_t *object, const char *file, const char *pointer,
	const char *const *known);

/* Field KEY of OBJECT within [LOW, HIGH]; CT_INVALID names FILE and POINTER/key:
 * missing, another type, out of range. *OUT of ct_json_text lives as long as OBJECT. */
ct_status ct_json_u64(const json_t *object, const char *key, const char *file, const char *pointer,
	uint64_t low, uint64_t high, uint64_t *out);
ct_status ct_json_text(const json_t *object, const char *key, const char *file,
	const char *pointer, const char **out);

/* Writes JSON as PATH with MODE (0600, 0644) by an O_EXCL|O_NOFOLLOW temporary beside it, fsync
 * and rename: the old file or the whole new one, nothing between. PATH that exists and is no
 * regular file (a link, a device) is refused. MODE is exact, whatever the umask. CT_IO, CT_NOMEM. */
ct_status ct_json_save(const json_t *json, const char *path, mode_t mode);

/* The same for any text. */
ct_status ct_file_save(const char *path, const char *text, size_t bytes, mode_t mode);

/* Appends JSON as one line to FILE and flushes it. CT_IO (disk full, …). */
ct_status ct_json_line(FILE *file, const json_t *json);

/* Opens PATH for appending lines, created with MODE less the umask, never through a link; a regular
 * file or a character device. *FILE is closed with fclose(). CT_IO. */
ct_status ct_file_append(const char *path, mode_t mode, FILE **file);

#endif
