/* SPDX-License-Identifier: BSD-3-Clause */
/* A finding for the terminal. */
#include <stdio.h>
#include <string.h>

#include "advise.h"

void ct_finding_text(const struct ct_finding *f, struct ct_buf *out)
{
	char line[320];

	snprintf(line, sizeof(line), "%s (%s): %s", ct_severity_name(f->severity), f->rule->id,
		 f->seen);
	ct_buf_wrapped(out, "  - ", line);
	if (f->set[0] == '\0')
		return;
	ct_buf_wrapped(out, "    why:  ", f->rule->why);
	ct_buf_wrapped(out, "    set:  ", f->set);
	if (f->undo[0] != '\0')
		ct_buf_wrapped(out, "    undo: ", f->undo);
	if (f->measured) {
		snprintf(line, sizeof(line),
			 "measured %.2f times [%.2f %.2f], p = %.2g, effect %.2f", f->gain.ratio,
			 f->gain.low, f->gain.high, f->p, f->effect);
		if (f->expected[0] != '\0')
			snprintf(line + strlen(line), sizeof(line) - strlen(line), "; expected: %s",
				f->expected);
		ct_buf_wrapped(out, "    gain: ", line);
	} else if (f->expected[0] != '\0') {
		snprintf(line, sizeof(line), "expected: %s", f->expected);
		ct_buf_wrapped(out, "    gain: ", line);
	}
	ct_buf_wrapped(out, "    from: ", f->rule->source);
}
