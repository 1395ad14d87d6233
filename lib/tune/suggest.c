/* SPDX-License-Identifier: BSD-3-Clause */
/* What a search found, as findings like those of any other rule of advice. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tune.h"

static const struct ct_advice_rule tuned_rule = {
	.id = "tuned-setting", .severity = CT_SEVERITY_ADVICE,
	.looks_at = "the search's choice beside the default, on fresh samples",
	.why = "built-in thresholds were chosen on other machines",
	.source = "measured here; Mann and Whitney 1947, not adjusted for the number of rules",
};
static const struct ct_advice_rule default_rule = {
	.id = "tuned-defaults", .severity = CT_SEVERITY_NOTE,
	.looks_at = "the search's choice beside the default",
	.why = "keeping the defaults is a result too", .source = "measured here",
};

static void name_of(const struct ct_candidate *c, char *out, size_t room)
{
	size_t used = (size_t)snprintf(out, room, "%s", c->algo);

	for (uint32_t k = 0; k < c->nknobs && used < room; k++)
		used += (size_t)snprintf(out + used, room - used, " %s=%lld", c->knob_name[k],
			(long long)c->knob[k]);
}

/* How a backend takes its rules, and forgets them. */
static void say_how(const struct ct_tune_part *part, const char *path, struct ct_finding *f)
{
	const char *file = path != NULL ? path : "RULES (tune -o RULES)";
	bool blocks = part->coll == CT_GATHER || part->coll == CT_SCATTER;

	if (strcmp(part->backend, "mpi") == 0) {
		snprintf(f->set, sizeof(f->set), "colltune export %.60s --to openmpi%s -o FILE; mpirun --mca "
			"coll_tuned_use_dynamic_rules 1 --mca coll_tuned_dynamic_rules_filename FILE", file,
			blocks ? " --same-arguments" : "");
		snprintf(f->undo, sizeof(f->undo), "leave out both --mca options");
	} else if (strcmp(part->backend, "nccl") == 0) {
		snprintf(f->set, sizeof(f->set), "on every rank COLLTUNE_RULES=%.100s and "
			"NCCL_TUNER_PLUGIN=libnccl-tuner-colltune.so", file);
		snprintf(f->undo, sizeof(f->undo), "leave out both variables");
	} else if (blocks) {
		snprintf(f->set, sizeof(f->set), "nothing in a job, since ct_comm has no %s; colltune bench %s --algo "
			"runs it", ct_coll_name(part->coll), ct_coll_name(part->coll));
	} else {
		snprintf(f->set, sizeof(f->set), "give %.100s to the job as its rules file", file);
		snprintf(f->undo, sizeof(f->undo), "start the job without the rules file");
	}
}

static ct_status add_rule(const struct ct_tune_part *part, const struct ct_stretch *s, const char *path,
	struct ct_findings *findings)
{
	struct ct_finding *f = ct_finding_add(findings, &tuned_rule);
	const int64_t *own = &part->predicted[s->checked_at];
	const int64_t *new = &part->predicted[s->cell * part->nsizes + s->checked_at];
	char name[96], low[32], high[32], at[32], checked[80] = "not checked on fresh samples";

	if (f == NULL)
		return CT_NOMEM;
	name_of(&part->cells[s->cell], name, sizeof(name));
	if (s->samples > 0)
		snprintf(checked, sizeof(checked), "%u fresh samples each at %s B", s->samples,
			ct_size_text(part->sizes[s->checked_at], at));
	/* kept for what the search saw, which the fresh samples neither confirm nor refute */
	snprintf(f->seen, sizeof(f->seen), "%s of %s from %s to %s B %s by %.56s than by default; %s",
		ct_coll_name(part->coll), part->backend, ct_size_text(part->sizes[s->first], low),
		ct_size_text(part->sizes[s->last], high),
		s->samples > 0 && s->low > 1 ? "is faster" : "was faster in the search, which is not confirmed,", name,
		checked);
	say_how(part, path, f);
	if (*own > 0 && *new > 0)
		snprintf(f->expected, sizeof(f->expected), "%.2f times by the model of its links",
			(double)*own / (double)*new);
	else
		snprintf(f->expected, sizeof(f->expected), "not modelled");
	/* without samples of both there is no interval */
	f->measured = s->low > 0 && isfinite(s->high);
	f->gain = (struct ct_ratio){ s->gain, s->low, s->high };
	f->p = s->p;
	f->effect = s->effect;
	f->coll = part->coll;
	f->low_bytes = part->sizes[s->first];
	f->high_bytes = part->sizes[s->last];
	return CT_OK;
}

static ct_status add_default(const struct ct_tune_part *part, struct ct_findings *findings)
{
	struct ct_finding *f = ct_finding_add(findings, &default_rule);
	size_t unresolved = 0, measured = 0;

	if (f == NULL)
		return CT_NOMEM;
	for (size_t i = 0; i < part->nsizes; i++) {
		measured += part->found.measured[i];
		unresolved += part->found.measured[i] && !part->found.resolved[i];
	}
	snprintf(f->seen, sizeof(f->seen), "%s of %s: defaults are best among %zu settings (%zu sizes measured"
		", %zu of them not resolved)", ct_coll_name(part->coll), part->backend, part->ncells,
		measured, unresolved);
	f->coll = part->coll;
	return CT_OK;
}

ct_status ct_tune_suggest(const struct ct_tuned *t, const char *path, struct ct_findings *findings)
{
	ct_status status = CT_OK;

	for (size_t p = 0; p < t->nparts && status == CT_OK; p++) {
		const struct ct_search *s = &t->parts[p].found;
		bool any = false;

		for (size_t k = 0; k < s->nstretches && status == CT_OK; k++)
			if (s->stretch[k].cell != 0) {
				any = true;
				status = add_rule(&t->parts[p], &s->stretch[k], path, findings);
			}
		if (status == CT_OK && !any)
			status = add_default(&t->parts[p], findings);
	}
	return status;
}
