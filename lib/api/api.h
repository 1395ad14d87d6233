/* SPDX-License-Identifier: BSD-3-Clause */
/* Door of api: what the public functions share; nothing of it is installed. */
#ifndef CT_API_H
#define CT_API_H

#include "base/base.h"
#include "boot/boot.h"
#include "measure/measure.h"
#include "rules/rules.h"

enum { CT_JOB_MODULES = 2 };

struct ct_job {
	struct ct_job_attr attr; /* of this library's version */
	char net[CT_NET_TEXT];
	const struct ct_module *modules[CT_JOB_MODULES + 1]; /* NULL-ended; those that every rank has */
	struct ct_world world;
	struct ct_session *session;
};

struct ct_report {
	struct ct_result *results; /* measured ones only */
	size_t n, room;
};

struct ct_advice {
	char *text; /* as a rules file */
	struct ct_rules *rules;
};

/* Advice of BYTES of a rules file's TEXT, which is taken over also on an error. */
ct_status ct_advice_make(char *text, size_t bytes, const char *name, struct ct_advice **advice);

/* Copies a caller's size-first struct of GIVEN bytes over DST (KNOWN bytes, holding our defaults).
 * An older caller's is shorter and leaves the rest as it is; a newer caller's may be longer only
 * if all that we do not know is 0: else CT_UNSUPPORTED. Shorter than LEAST: CT_INVALID. WHAT names
 * the struct. */
ct_status ct_take_struct(void *dst, size_t known, const void *src, size_t least, const char *what);

#endif
