/* SPDX-License-Identifier: BSD-3-Clause */
/* Records of points to curves: one for each candidate of each operation, one value for each size. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure/measure.h"
#include "report.h"
#include "report_time.h"

enum { LINE_MOST = 16 << 20, NOTES_MOST = 20 };

/* One size of a curve: the medians of its rounds. */
struct cell {
	struct ct_result last; /* of the last round; its samples are dropped */
	uint64_t *medians;
	size_t n, room;
	uint64_t wrong, samples;
	struct ct_counters sum;
	enum ct_verdict worst;
};

struct curve {
	struct ct_result key; /* whose candidate and test all have */
	struct cell *cells;
	size_t n, room;
};

struct reading {
	json_t *report;
	const char *path;
	uint64_t line;
	size_t bad;
	struct curve *curves;
	size_t n, room;
	struct ct_track *track;
	bool sizes; /* another job size was told of */
};

static bool same_curve(const struct ct_result *a, const struct ct_result *b)
{
	return a->test.coll == b->test.coll && a->test.type == b->test.type &&
		a->test.op == b->test.op && a->test.in_place == b->test.in_place &&
		a->test.window == b->test.window && a->pairs == b->pairs && a->nranks == b->nranks &&
		ct_candidate_same(&a->candidate, &b->candidate);
}

/* Room for one more of N rows of EACH bytes. */
static bool grow(void **rows, size_t n, size_t *room, size_t each)
{
	void *more;

	if (n < *room)
		return true;
	more = ct_realloc(*rows, 2 * *room + 16, each);
	if (more == NULL)
		return false;
	*rows = more;
	*room = 2 * *room + 16;
	return true;
}

static struct curve *find_curve(struct reading *r, const struct ct_result *result)
{
	void *rows = r->curves;

	for (size_t i = 0; i < r->n; i++)
		if (same_curve(&r->curves[i].key, result))
			return &r->curves[i];
	if (!grow(&rows, r->n, &r->room, sizeof(*r->curves)))
		return NULL;
	r->curves = rows;
	r->curves[r->n] = (struct curve){ .key = *result };
	return &r->curves[r->n++];
}

static struct cell *find_cell(struct curve *curve, const struct ct_result *result)
{
	void *rows = curve->cells;

	for (size_t i = 0; i < curve->n; i++)
		if (curve->cells[i].last.bytes == result->bytes)
			return &curve->cells[i];
	if (!grow(&rows, curve->n, &curve->room, sizeof(*curve->cells)))
		return NULL;
	curve->cells = rows;
	curve->cells[curve->n] = (struct cell){ .last = *result, .worst = CT_UNJUDGED };
	return &curve->cells[curve->n++];
}

/* Later ones of enum ct_verdict are not always worse. */
static int badness(enum ct_verdict v)
{
	static const int order[] = { [CT_UNJUDGED] = 0, [CT_PASS] = 1, [CT_INCONCLUSIVE] = 2, [CT_WARN] = 3,
		[CT_FAILED] = 4 };

	return (size_t)v < sizeof(order) / sizeof(order[0]) ? order[v] : 0;
}

static ct_status add_result(struct reading *r, const struct ct_result *result)
{
	struct curve *curve = find_curve(r, result);
	struct cell *cell = curve != NULL ? find_cell(curve, result) : NULL;
	void *rows = cell != NULL ? cell->medians : NULL;

	ct_track_add(r->track, result);
	if (cell == NULL || !grow(&rows, cell->n, &cell->room, sizeof(*cell->medians)))
		return CT_NOMEM;
	cell->medians = rows;
	cell->last = *result;
	if (result->status != CT_OK)
		return CT_OK;
	cell->medians[cell->n++] = result->summary.median;
	cell->wrong += result->wrong;
	cell->samples += result->summary.n;
	cell->sum.rx_bytes += result->counters.rx_bytes;
	cell->sum.tx_bytes += result->counters.tx_bytes;
	cell->sum.retransmits += result->counters.retransmits;
	cell->sum.switches += result->counters.switches;
	cell->sum.forced_switches += result->counters.forced_switches;
	cell->sum.page_faults += result->counters.page_faults;
	if (badness(result->verdict) > badness(cell->worst))
		cell->worst = result->verdict;
	return CT_OK;
}

/* ---- the file -------------------------------------------------------------------------------- */

static void bad_line(struct reading *r)
{
	if (++r->bad <= NOTES_MOST)
		ct_page_note(r->report, "left out: %s", ct_why());
}

/* The first line says where and how; another one: two runs were put into one file. */
static ct_status take_environment(struct reading *r, json_t *record)
{
	if (json_object_get(r->report, "environment") != NULL) {
		ct_page_note(r->report, "%s:%llu: a second environment record: the results of two runs in one file; settings "
			"are shown of the first one", r->path, (unsigned long long)r->line);
		return CT_OK;
	}
	return json_object_set(r->report, "environment", record) == 0 ? CT_OK : CT_NOMEM;
}

/* Results of another job size are good, but nobody may take them for this job's. */
static void look_at_size(struct reading *r, const struct ct_result *result)
{
	const json_t *ranks = json_object_get(json_object_get(r->report, "environment"), "nranks");

	if (r->sizes || !json_is_integer(ranks) || json_integer_value(ranks) == (json_int_t)result->nranks)
		return;
	r->sizes = true;
	ct_page_note(r->report, "%s:%llu: a point of %u ranks where the job has %lld: such points are curves of their own",
		r->path, (unsigned long long)r->line, result->nranks, (long long)json_integer_value(ranks));
}

static ct_status take_line(struct reading *r, const char *text, size_t length)
{
	json_t *record = NULL;
	struct ct_result result;
	char name[300];
	ct_status status;

	snprintf(name, sizeof(name), "%.200s:%llu", r->path, (unsigned long long)r->line);
	status = ct_json_parse(text, length, name, &record);
	if (status == CT_OK && strcmp(ct_page_text(record, "kind", ""), "environment") == 0) {
		status = take_environment(r, record);
		json_decref(record);
		return status;
	}
	if (status == CT_OK)
		status = ct_record_parse(record, r->path, r->line, &result);
	json_decref(record);
	if (status == CT_OK) {
		look_at_size(r, &result);
		ct_free(result.samples_ns);
		ct_free(result.hist);
		result.samples_ns = NULL;
		result.hist = NULL;
		return add_result(r, &result);
	}
	if (status != CT_NOMEM)
		bad_line(r);
	return status == CT_NOMEM ? CT_NOMEM : CT_OK;
}

static ct_status read_lines(struct reading *r, FILE *file)
{
	ct_status status = CT_OK;
	char *text = NULL;
	size_t room = 0;
	ssize_t length;

	while (status == CT_OK && (length = getline(&text, &room, file)) > 0) {
		r->line++;
		if (text[length - 1] != '\n') {
			ct_fail(CT_INVALID, "%s:%llu: a line without its end: it was being written",
				r->path, (unsigned long long)r->line);
			bad_line(r);
		} else if (length > LINE_MOST) {
			ct_fail(CT_INVALID, "%s:%llu: a line of %zd bytes", r->path,
				(unsigned long long)r->line, length);
			bad_line(r);
		} else {
			status = take_line(r, text, (size_t)length - 1);
		}
	}
	free(text);
	if (r->bad > NOTES_MOST)
		ct_page_note(r->report, "left out: %zu more lines of %s", r->bad - NOTES_MOST, r->path);
	return status;
}

/* ---- to JSON --------------------------------------------------------------------------------- */

static int compare_cells(const void *x, const void *y)
{
	const struct cell *a = x, *b = y;

	return (a->last.bytes > b->last.bytes) - (a->last.bytes < b->last.bytes);
}

static bool set(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) == 0;
}

static bool set_number(json_t *object, const char *key, double value)
{
	return set(object, key, isfinite(value) ? json_real(value) : json_null());
}

/* Bus bandwidth at other times than the one it was told for. */
static double rate_at(const struct ct_result *r, uint64_t ns)
{
	return ns > 0 ? r->busbw_Bps * (double)r->summary.median / (double)ns : 0;
}

/* Several rounds: the median of their medians with its interval; one: its own. */
static json_t *cell_json(struct cell *cell)
{
	const struct ct_result *r = &cell->last;
	uint64_t time = r->summary.median, low = r->summary.low, high = r->summary.high;
	json_t *o = json_pack("{s:I, s:I, s:I, s:I, s:s}", "bytes", (json_int_t)r->bytes, "rounds",
		(json_int_t)cell->n, "samples", (json_int_t)cell->samples, "wrong", (json_int_t)cell->wrong,
		"verdict", ct_verdict_name(cell->worst));
	bool ok = o != NULL;

	if (cell->n > 1) {
		struct ct_summary s = ct_summarize(cell->medians, cell->n);

		time = s.median;
		low = s.low;
		high = s.high;
	}
	ok = ok && set(o, "time_ns", json_integer((json_int_t)time)) &&
		set(o, "low_ns", json_integer((json_int_t)low)) &&
		set(o, "high_ns", json_integer((json_int_t)high));
	if (ok && r->busbw_Bps > 0)
		ok = set_number(o, "busbw_Bps", rate_at(r, time)) &&
			set_number(o, "busbw_low_Bps", rate_at(r, high)) &&
			set_number(o, "busbw_high_Bps", rate_at(r, low));
	if (ok && r->expected.known)
		ok = set(o, "expected_ns", json_integer((json_int_t)r->expected.time_ns)) &&
			set_number(o, "expected_busbw_Bps", r->expected.busbw_Bps) &&
			set(o, "formula", json_string(r->expected.formula));
	ok = ok && set(o, "counters", json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "rx_bytes",
		(json_int_t)cell->sum.rx_bytes, "tx_bytes", (json_int_t)cell->sum.tx_bytes, "retransmits",
		(json_int_t)cell->sum.retransmits, "switches", (json_int_t)cell->sum.switches,
		"forced_switches", (json_int_t)cell->sum.forced_switches, "page_faults",
		(json_int_t)cell->sum.page_faults));
	if (ok)
		return o;
	json_decref(o);
	return NULL;
}

static json_t *curve_json(struct curve *curve)
{
	const struct ct_result *r = &curve->key;
	json_t *points = json_array(), *o;
	const char *why = "";
	char name[96];

	if (curve->n > 1)
		qsort(curve->cells, curve->n, sizeof(*curve->cells), compare_cells);
	for (size_t i = 0; i < curve->n; i++) {
		if (curve->cells[i].n > 0)
			(void)json_array_append_new(points, cell_json(&curve->cells[i]));
		else
			why = curve->cells[i].last.why;
	}
	o = json_pack("{s:s, s:s, s:s, s:b, s:I, s:I, s:s, s:s, s:s, s:b, s:s, s:o}", "coll",
		ct_coll_name(r->test.coll), "type", ct_type_name(r->test.type), "op",
		ct_op_name(r->test.op), "in_place", r->test.in_place, "pairs", (json_int_t)r->pairs,
		"nranks", (json_int_t)r->nranks, "candidate", ct_candidate_text(&r->candidate, name),
		"path", r->path, "library", r->library, "oversubscribed", r->oversubscribed, "why", why,
		"points", points);
	return o;
}

ct_status ct_page_series(json_t *report, const char *path)
{
	struct reading r = { .report = report, .path = path, .track = ct_track_open() };
	json_t *series = json_array();
	FILE *file = fopen(path, "re");
	ct_status status = series == NULL || r.track == NULL ? CT_NOMEM : CT_OK;

	if (file == NULL) {
		ct_track_close(r.track);
		json_decref(series);
		return ct_fail(CT_IO, "%s: cannot be read", path);
	}
	if (status == CT_OK)
		status = read_lines(&r, file);
	for (size_t i = 0; i < r.n; i++) {
		if (status == CT_OK && json_array_append_new(series, curve_json(&r.curves[i])) != 0)
			status = CT_NOMEM;
		for (size_t k = 0; k < r.curves[i].n; k++)
			ct_free(r.curves[i].cells[k].medians);
		ct_free(r.curves[i].cells);
	}
	ct_free(r.curves);
	fclose(file);
	if (status == CT_OK && json_object_set(report, "series", series) != 0)
		status = CT_NOMEM;
	if (status == CT_OK)
		status = ct_track_json(r.track, report);
	ct_track_close(r.track);
	json_decref(series);
	return status;
}
