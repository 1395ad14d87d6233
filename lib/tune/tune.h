/* SPDX-License-Identifier: BSD-3-Clause */
/* Door of tune: what was found best, written as the settings files of others. */
#ifndef CT_TUNE_H
#define CT_TUNE_H

#include "base/base.h"
#include "rules/rules.h"

/* What could not be written, or is written otherwise than the rules say; one line each. */
struct ct_export_remark {
	char text[240];
};

struct ct_export {
	struct ct_buf text;              /* the file */
	struct ct_export_remark *remarks;
	size_t nremarks;
	uint32_t written;                /* rules that are in the text */
};

/* What the exporters may need besides the rules. */
struct ct_export_in {
	const struct ct_rules *rules;
	const char *rules_path;   /* where the rules file lies on the nodes: named in settings; may be NULL */
	const char *target_path;  /* where the written file will lie; may be NULL */
};

/* One kind of file. */
struct ct_exporter {
	const char *name;    /* "openmpi" */
	const char *summary; /* one line for --help and list */
	const char *backend; /* whose rules it takes */
	const char *use;     /* how the file is put into effect, one line */
	ct_status (*write)(const struct ct_exporter *self, const struct ct_export_in *in,
		struct ct_export *out);
};

/* All exporters, ended by one whose name is NULL: openmpi, openmpi-json, openmpi-params, nccl, nccl-csv,
 * nccl-conf, ucc, ucx, env. */
const struct ct_exporter *ct_exporters(void);

/* Writes IN's rules as EXPORTER's file into OUT (empty before). A rule of the backend that the format
 * cannot say is left out with a remark, never changed in silence. CT_NOMEM; CT_INVALID: no rule of
 * that backend at all. Free with ct_export_free(), also after an error. Any thread. */
ct_status ct_export_write(const struct ct_exporter *exporter, const struct ct_export_in *in,
	struct ct_export *out);
void ct_export_free(struct ct_export *out);

/* For exporters: adds a remark about RULE (NULL: about the file). */
ct_status ct_export_remark(struct ct_export *out, const struct ct_rule *rule, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
