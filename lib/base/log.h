/* SPDX-License-Identifier: BSD-3-Clause */
/* Log lines go to one sink that the program installs; the library itself prints nothing.
 * The command installs one that writes to stderr. */
#ifndef CT_BASE_LOG_H
#define CT_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"

#define CT_LOG_LEVELS(X) X(ERROR, "error") X(WARN, "warn") X(INFO, "info") X(DEBUG, "debug") X(TRACE, "trace")
#define CT_LOG_AREAS(X)                                                                            \
	X(BASE, "base") X(BOOT, "boot") X(NET, "net") X(COLL, "coll") X(MEASURE, "measure")        \
	X(TOPO, "topo") X(TUNE, "tune") X(ACCEPT, "accept") X(BENCH, "bench")

#define CT_LOG_LEVEL_ENUM(name, text) CT_LOG_##name,
enum ct_log_level { CT_LOG_LEVELS(CT_LOG_LEVEL_ENUM) CT_LOG_NLEVELS };
#undef CT_LOG_LEVEL_ENUM
#define CT_LOG_AREA_ENUM(name, text) CT_AREA_##name,
enum ct_log_area { CT_LOG_AREAS(CT_LOG_AREA_ENUM) CT_LOG_NAREAS };
#undef CT_LOG_AREA_ENUM

typedef void ct_log_sink(void *arg, enum ct_log_level level, enum ct_log_area area, const char *line);

/* Installs SINK (NULL = silence, the default) for lines up to LEVEL in the areas of MASK (bit i =
 * area i). Call before other threads start. */
void ct_log_install(ct_log_sink *sink, void *arg, enum ct_log_level level, uint32_t mask);

/* Parses "debug" or "debug:net,coll". CT_INVALID names the nearest level or area. Without
 * areas *MASK has all. */
ct_status ct_log_parse(const char *text, enum ct_log_level *level, uint32_t *mask);

/* The sink of the command: "colltune: warn: net: …\n" in one write to stderr. */
void ct_log_stderr(void *arg, enum ct_log_level level, enum ct_log_area area, const char *line);

/* One line without newline, of at most 1023 bytes, cleaned as by ct_text_clean(); errno and
 * ct_why() are kept. Any thread (the sink must stand it; ct_log_stderr does). Not for data paths. */
CT_MODULE_API void ct_log(enum ct_log_level level, enum ct_log_area area, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
