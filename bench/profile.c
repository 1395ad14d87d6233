/* SPDX-License-Identifier: BSD-3-Clause */
/* Profiles: people write them, accept holds a cluster against them. */
#include "profile.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "yaml.h"

#define SCHEMA "colltune-profile/1"

/* ---- as written ----------------------------------------------------------------------------- */

struct band {
	double pass, warn;
};

struct bands {
	struct band link, rate, latency;
};

struct nic {
	unsigned int count;
	double Gbps;
};

struct row {
	char *operation, *backend, *from, *to, *source;
	unsigned int nodes_from, nodes_to;
	double busbw, time_us, pass, warn;
};

struct waiver {
	char *part, *reason, *until;
};

struct file {
	char *schema, *name, *title;
	struct nic nic;
	struct bands bands;
	struct row *figures;
	unsigned int figures_count;
	struct waiver *waivers;
	unsigned int waivers_count;
};

enum { TEXT_MOST = CT_PROFILE_TEXT - 1 };

#define MAYBE (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define TEXT(flags, type, key) CYAML_FIELD_STRING_PTR(#key, flags, type, key, 1, TEXT_MOST)
#define NUMBER(flags, type, key) CYAML_FIELD_FLOAT(#key, flags, type, key)

static const cyaml_schema_field_t band_fields[] = {
	NUMBER(CYAML_FLAG_DEFAULT, struct band, pass), NUMBER(CYAML_FLAG_DEFAULT, struct band, warn),
	CYAML_FIELD_END
};
static const cyaml_schema_field_t bands_fields[] = {
	CYAML_FIELD_MAPPING("link", CYAML_FLAG_OPTIONAL, struct bands, link, band_fields),
	CYAML_FIELD_MAPPING("rate", CYAML_FLAG_OPTIONAL, struct bands, rate, band_fields),
	CYAML_FIELD_MAPPING("latency", CYAML_FLAG_OPTIONAL, struct bands, latency, band_fields),
	CYAML_FIELD_END
};
static const cyaml_schema_field_t nic_fields[] = {
	CYAML_FIELD_UINT("count", CYAML_FLAG_DEFAULT, struct nic, count),
	NUMBER(CYAML_FLAG_DEFAULT, struct nic, Gbps), CYAML_FIELD_END
};
static const cyaml_schema_field_t row_fields[] = {
	TEXT(CYAML_FLAG_POINTER, struct row, operation), TEXT(MAYBE, struct row, backend),
	TEXT(MAYBE, struct row, from), TEXT(MAYBE, struct row, to),
	CYAML_FIELD_UINT("nodes_from", CYAML_FLAG_OPTIONAL, struct row, nodes_from),
	CYAML_FIELD_UINT("nodes_to", CYAML_FLAG_OPTIONAL, struct row, nodes_to),
	NUMBER(CYAML_FLAG_OPTIONAL, struct row, busbw), NUMBER(CYAML_FLAG_OPTIONAL, struct row, time_us),
	NUMBER(CYAML_FLAG_OPTIONAL, struct row, pass), NUMBER(CYAML_FLAG_OPTIONAL, struct row, warn),
	TEXT(CYAML_FLAG_POINTER, struct row, source), CYAML_FIELD_END
};
static const cyaml_schema_value_t row_value = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct row, row_fields),
};
static const cyaml_schema_field_t waiver_fields[] = {
	TEXT(CYAML_FLAG_POINTER, struct waiver, part), TEXT(CYAML_FLAG_POINTER, struct waiver, reason),
	TEXT(CYAML_FLAG_POINTER, struct waiver, until), CYAML_FIELD_END
};
static const cyaml_schema_value_t waiver_value = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct waiver, waiver_fields),
};
static const cyaml_schema_field_t file_fields[] = {
	TEXT(CYAML_FLAG_POINTER, struct file, schema), TEXT(CYAML_FLAG_POINTER, struct file, name),
	TEXT(MAYBE, struct file, title),
	CYAML_FIELD_MAPPING("nic", CYAML_FLAG_OPTIONAL, struct file, nic, nic_fields),
	CYAML_FIELD_MAPPING("bands", CYAML_FLAG_OPTIONAL, struct file, bands, bands_fields),
	CYAML_FIELD_SEQUENCE("figures", MAYBE, struct file, figures, &row_value, 0, CT_PROFILE_ROWS),
	CYAML_FIELD_SEQUENCE("waivers", MAYBE, struct file, waivers, &waiver_value, 0, CT_PROFILE_ROWS),
	CYAML_FIELD_END
};
static const cyaml_schema_value_t file_value = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct file, file_fields),
};

/* ---- to a profile --------------------------------------------------------------------------- */

static ct_status take_bands(const char *what, double pass, double warn, struct ct_bands *out)
{
	if (pass == 0 && warn == 0)
		return CT_OK;
	if (!(pass > 0 && pass <= 2 && warn > 0 && warn <= pass))
		return ct_fail(CT_INVALID, "%s: pass %g, warn %g: wanted is 0 < warn <= pass <= 2", what, pass,
			warn);
	*out = (struct ct_bands){ pass, warn };
	return CT_OK;
}

static ct_status take_size(const char *text, uint64_t *out)
{
	return text != NULL ? ct_size_parse(text, out) : CT_OK;
}

static ct_status take_row(const struct row *r, struct ct_profile_figure *out)
{
	ct_status s = ct_coll_parse(r->operation, &out->coll);

	if (s == CT_OK)
		s = take_size(r->from, &out->least_bytes);
	if (s == CT_OK)
		s = take_size(r->to, &out->most_bytes);
	if (s == CT_OK)
		s = take_bands(r->operation, r->pass, r->warn, &out->bands);
	if (s != CT_OK)
		return s;
	if ((r->busbw > 0) == (r->time_us > 0) || !(r->busbw >= 0 && r->busbw < 1e6) ||
		!(r->time_us >= 0 && r->time_us < 1e9))
		return ct_fail(CT_INVALID, "%s: either busbw (GB/s) or time_us is wanted", r->operation);
	out->busbw_Bps = r->busbw * 1e9;
	out->time_ns = r->time_us * 1e3;
	out->least_nodes = r->nodes_from;
	out->most_nodes = r->nodes_to;
	ct_text_clean(out->backend, sizeof(out->backend), r->backend != NULL ? r->backend : "");
	ct_text_clean(out->source, sizeof(out->source), r->source);
	return CT_OK;
}

static bool is_day(const char *text)
{
	static const char shape[] = "dddd-dd-dd";
	size_t i = 0;

	for (; shape[i] != '\0' && text[i] != '\0'; i++)
		if (shape[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != shape[i])
			return false;
	return shape[i] == '\0' && text[i] == '\0';
}

static ct_status take_waiver(const struct waiver *w, struct ct_waiver *out)
{
	if (!is_day(w->until))
		return ct_fail(CT_INVALID, "waiver of %s: until %s: wanted is a day, 2026-12-31", w->part,
			w->until);
	ct_text_clean(out->part, sizeof(out->part), w->part);
	ct_text_clean(out->reason, sizeof(out->reason), w->reason);
	memcpy(out->until, w->until, sizeof(out->until));
	return CT_OK;
}

static ct_status fill_lists(const struct file *f, struct ct_profile *p)
{
	ct_status s = CT_OK;

	p->figures = ct_alloc(f->figures_count, sizeof(*p->figures));
	p->waivers = ct_alloc(f->waivers_count, sizeof(*p->waivers));
	if (p->figures == NULL || p->waivers == NULL)
		return CT_NOMEM;
	for (unsigned int i = 0; i < f->figures_count && s == CT_OK; i++)
		s = take_row(&f->figures[i], &p->figures[p->nfigures++]);
	for (unsigned int i = 0; i < f->waivers_count && s == CT_OK; i++)
		s = take_waiver(&f->waivers[i], &p->waivers[p->nwaivers++]);
	return s;
}

static ct_status fill(const struct file *f, struct ct_profile *p)
{
	ct_status s;

	if (strcmp(f->schema, SCHEMA) != 0)
		return ct_fail(CT_INVALID, "schema is not " SCHEMA);
	if (!(f->nic.Gbps >= 0 && f->nic.Gbps <= 10000) || f->nic.count > 1024)
		return ct_fail(CT_INVALID, "nic: count is at most 1024, Gbps at most 10000");
	ct_text_clean(p->name, sizeof(p->name), f->name);
	ct_text_clean(p->title, sizeof(p->title), f->title != NULL ? f->title : "");
	p->nics = f->nic.count;
	p->link_Mbps = (uint64_t)(f->nic.Gbps * 1000);
	s = take_bands("bands, link", f->bands.link.pass, f->bands.link.warn, &p->link);
	if (s == CT_OK)
		s = take_bands("bands, rate", f->bands.rate.pass, f->bands.rate.warn, &p->rate);
	if (s == CT_OK)
		s = take_bands("bands, latency", f->bands.latency.pass, f->bands.latency.warn, &p->latency);
	return s == CT_OK ? fill_lists(f, p) : s;
}

static ct_status parse(const char *text, const char *path, struct ct_profile *profile)
{
	struct ct_profile made = { .nics = 0 };
	struct file *file = NULL;
	char why[400];
	ct_status s = ct_yaml_parse(text, strlen(text), path, &file_value, (cyaml_data_t **)&file);

	if (s != CT_OK)
		return s;
	s = fill(file, &made);
	ct_yaml_free(&file_value, file);
	if (s == CT_OK) {
		*profile = made;
		return CT_OK;
	}
	ct_profile_free(&made);
	if (s != CT_INVALID)
		return s;
	snprintf(why, sizeof(why), "%s", ct_why());
	return ct_fail(CT_INVALID, "%s: %s", path, why);
}

/* ---- finding -------------------------------------------------------------------------------- */

enum { NAMES_MOST = 64 };

/* No such profile: the nearest of those in DIR. */
static ct_status not_there(const char *what, const char *dir)
{
	char names[NAMES_MOST][CT_PROFILE_NAME], hint[256];
	const char *list[NAMES_MOST + 1] = { NULL };
	DIR *d = opendir(dir);
	size_t n = 0;

	for (struct dirent *e = d != NULL ? readdir(d) : NULL; e != NULL && n < NAMES_MOST; e = readdir(d)) {
		const char *end = strstr(e->d_name, ".yaml");

		if (end == NULL || end[5] != '\0' || (size_t)(end - e->d_name) >= sizeof(names[0]))
			continue;
		snprintf(names[n], sizeof(names[n]), "%.*s", (int)(end - e->d_name), e->d_name);
		list[n] = names[n];
		n++;
	}
	if (d != NULL)
		closedir(d);
	return ct_fail(CT_INVALID, "no profile \"%.60s\" in %s%s", what, dir, ct_name_hint(what, list, hint));
}

static ct_status read_text(const char *what, const char *dir, char **text, size_t *bytes)
{
	size_t n = strlen(what);
	bool file = strchr(what, '/') != NULL || (n > 5 && strcmp(what + n - 5, ".yaml") == 0);
	char path[4096];
	ct_status s;

	if (file)
		return ct_yaml_text(what, text, bytes);
	snprintf(path, sizeof(path), "%s/%.200s.yaml", dir, what);
	s = ct_yaml_text(path, text, bytes);
	return s == CT_IO ? not_there(what, dir) : s;
}

ct_status ct_profile_load(struct ct_rank *rank, const char *what, const char *dir,
	struct ct_profile *profile)
{
	char *text = NULL, *shared = NULL;
	size_t bytes = 0;
	ct_status s = CT_OK;

	if (rank->world.rank == 0)
		s = read_text(what, dir, &text, &bytes);
	s = ct_session_agree(rank->session, s);
	if (s == CT_OK)
		s = ct_job_broadcast(rank, text, bytes, &shared);
	if (s == CT_OK)
		s = ct_session_agree(rank->session, parse(shared, what, profile));
	ct_free(shared);
	ct_free(text);
	return s;
}

/* ---- calibrating ---------------------------------------------------------------------------- */

/* Is O the same measurement as F, and better (or as good, and before it)? */
static bool beats(const struct ct_figure *o, const struct ct_figure *f)
{
	if (o == f || o->coll != f->coll || o->bytes != f->bytes || o->pairs != 0 || o->rounds == 0 ||
		o->wrong > 0 || strcmp(o->candidate.backend, f->candidate.backend) != 0)
		return false;
	return o->median_ns < f->median_ns || (o->median_ns == f->median_ns && o < f);
}

/* A figure of all ranks whose rounds agree within a tenth, the best candidate of its kind. */
static bool worth_keeping(const struct ct_accept_report *r, const struct ct_figure *f)
{
	if (f->pairs != 0 || f->rounds == 0 || f->wrong > 0 || f->median_ns == 0 || f->bytes == 0 ||
		(double)(f->high_ns - f->low_ns) > 0.2 * (double)f->median_ns)
		return false;
	for (size_t i = 0; i < r->nfigures; i++)
		if (beats(&r->figures[i], f))
			return false;
	return true;
}

static void write_figure(const struct ct_accept_report *r, const struct ct_figure *f, const char *day,
	struct ct_buf *out)
{
	ct_buf_add(out, "  - operation: %s\n    backend: %s\n    from: %llu\n    to: %llu\n", ct_coll_name(f->coll),
		f->candidate.backend, (unsigned long long)f->bytes, (unsigned long long)f->bytes);
	ct_buf_add(out, "    nodes_from: %u\n    nodes_to: %u\n", r->nhosts, r->nhosts);
	if (f->bytes >= (1 << 20) && f->busbw_Bps > 0)
		ct_buf_add(out, "    busbw: %.6g\n", f->busbw_Bps / 1e9);
	else
		ct_buf_add(out, "    time_us: %.6g\n", (double)f->median_ns / 1e3);
	ct_buf_add(out, "    pass: 0.9\n    warn: 0.8\n");
	ct_buf_add(out, "    source: \"measured %s by colltune %s accept --calibrate, %u ranks, %u rounds, interval %.3g "
		"to %.3g us\"\n", day, ct_version(), r->nranks, f->rounds, (double)f->low_ns / 1e3,
		(double)f->high_ns / 1e3);
}

static ct_status save(const struct ct_buf *text, const char *path)
{
	if (strcmp(path, "-") == 0) {
		fputs(text->text, stdout);
		return CT_OK;
	}
	return ct_file_save(path, text->text, text->used, 0644);
}

ct_status ct_profile_write(const struct ct_accept_report *report, const char *path)
{
	struct ct_buf text = ct_buf_make(1 << 20);
	char day[21];
	size_t n = 0;
	ct_status s;

	ct_clock_utc(day);
	day[10] = '\0';
	ct_buf_add(&text, "# A profile from a cluster that was known to be good; edit it as you see fit.\n");
	ct_buf_add(&text, "schema: " SCHEMA "\nname: calibrated\ntitle: %u ranks on %u hosts, measured %s%s\n",
		report->nranks, report->nhosts, day,
		report->oversubscribed ? ", oversubscribed: not a good basis" : "");
	ct_buf_add(&text, "figures:\n");
	for (size_t i = 0; i < report->nfigures; i++) {
		if (!worth_keeping(report, &report->figures[i]))
			continue;
		write_figure(report, &report->figures[i], day, &text);
		n++;
	}
	s = ct_buf_status(&text);
	if (s == CT_OK && n == 0)
		s = ct_fail(CT_UNSUPPORTED, "--calibrate: nothing was measured whose rounds agree within a tenth");
	if (s == CT_OK)
		s = save(&text, path);
	ct_buf_free(&text);
	return s;
}
