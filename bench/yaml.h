/* SPDX-License-Identifier: BSD-3-Clause */
/* Short files that people write: clusters, profiles. */
#ifndef CT_BENCH_YAML_H
#define CT_BENCH_YAML_H

#include <cyaml/cyaml.h>

#include "colltune.h"

/* Reads PATH, a regular file of at most 4 MiB without aliases, as ROW says. CT_IO; CT_INVALID names file
 * and line, what was wrong there and the key; CT_NOMEM. *OUT is freed with ct_yaml_free(). */
ct_status ct_yaml_load(const char *path, const cyaml_schema_value_t *row, cyaml_data_t **out);

/* The same in two steps: the text (freed with ct_free()), and what it says; NAME stands for the file. */
ct_status ct_yaml_text(const char *path, char **text, size_t *bytes);
ct_status ct_yaml_parse(const char *text, size_t bytes, const char *name, const cyaml_schema_value_t *row,
	cyaml_data_t **out);
void ct_yaml_free(const cyaml_schema_value_t *row, cyaml_data_t *data);

#endif
