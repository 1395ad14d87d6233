/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The row "trace": replays what trace_record.c wrote, one JSON line each:
 *   {"schema": …}                 a communicator was opened; what its row could do
 *   {"number": N, "prepare": …}   request N of it
 *   {"number": N, "span": NS}     a span measured after request N's start (0: before any)
 * A request asked for here gets the spans of all recorded requests for the same thing, in order,
 * from the first again when they are used up.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "native.h"
#include "trace.h"

enum { MAX_BYTES = 64 << 20 };

/* All spans of requests for one thing. */
struct spans {
	char *what; /* compact JSON of the prepare; NULL: of no request */
	uint64_t *ns;
	size_t count, room, next;
};

struct replay {
	const struct ct_world *world;
	json_t *head; /* owns the texts of caps */
	struct ct_coll_caps caps;
	struct ct_coll_algo *algos;
	struct ct_knob *knobs;
	int64_t *values;
	struct spans *spans; /* [0]: of no request */
	size_t nspans, room;
	size_t *of; /* requests of the opening being read: index into spans */
	size_t nof, of_room;
	size_t started;
};

struct request {
	struct ct_coll_desc desc;
	size_t spans;
};

/* Room for one more of EACH bytes; grows by doubling. */
static void *one_more(void *list, size_t count, size_t *room, size_t each)
{
	size_t more = *room != 0 ? 2 * *room : 16;

	if (count < *room)
		return list;
	list = ct_realloc(list, more, each);
	if (list != NULL)
		*room = more;
	return list;
}

/* The list for WHAT (owned by the caller), made if there is none. */
static ct_status find_spans(struct replay *r, const char *what, size_t *index)
{
	struct spans *list;

	for (*index = 1; *index < r->nspans; ++*index)
		if (strcmp(r->spans[*index].what, what) == 0)
			return CT_OK;
	list = one_more(r->spans, r->nspans, &r->room, sizeof(*list));
	if (list == NULL)
		return CT_NOMEM;
	r->spans = list;
	list[r->nspans] = (struct spans){ .what = ct_strdup(what) };
	if (list[r->nspans].what == NULL)
		return CT_NOMEM;
	*index = r->nspans++;
	return CT_OK;
}

static ct_status read_prepare(struct replay *r, const json_t *prepare)
{
	char *what = json_dumps(prepare, JSON_COMPACT | JSON_SORT_KEYS);
	size_t index, *of = one_more(r->of, r->nof, &r->of_room, sizeof(*of));
	ct_status status = what != NULL && of != NULL ? CT_OK : CT_NOMEM;

	if (of != NULL)
		r->of = of;
	if (status == CT_OK)
		status = find_spans(r, what, &index);
	if (status == CT_OK)
		r->of[r->nof++] = index;
	free(what);
	return status;
}

static ct_status read_span(struct replay *r, size_t index, uint64_t ns)
{
	struct spans *spans = &r->spans[index];
	uint64_t *list = one_more(spans->ns, spans->count, &spans->room, sizeof(*list));

	if (list == NULL)
		return CT_NOMEM;
	spans->ns = list;
	list[spans->count++] = ns;
	return CT_OK;
}

static ct_status read_line(struct replay *r, json_t *line, const char *name)
{
	uint64_t number, ns;
	const json_t *prepare = json_object_get(line, "prepare");
	ct_status status;

	if (json_object_get(line, "schema") != NULL) {
		r->nof = 0;
		if (r->head == NULL)
			r->head = json_incref(line);
		return CT_OK;
	}
	if (r->head == NULL)
		return ct_fail(CT_INVALID, "%s: the first line names no schema", name);
	if (prepare != NULL)
		return read_prepare(r, prepare);
	status = ct_json_u64(line, "number", name, "", 0, r->nof, &number);
	if (status == CT_OK)
		status = ct_json_u64(line, "span", name, "", 0, INT64_MAX, &ns);
	if (status != CT_OK)
		return status;
	return read_span(r, number > 0 ? r->of[number - 1] : 0, ns);
}

static ct_status read_text(struct replay *r, const char *text, const char *path)
{
	size_t number = 1;
	ct_status status = CT_OK;

	for (; *text != '\0' && status == CT_OK; number++) {
		size_t bytes = strcspn(text, "\n");
		struct ct_buf name = ct_buf_make(4200);
		json_t *line = NULL;

		ct_buf_add(&name, "%s line %zu", path, number);
		status = ct_buf_status(&name);
		if (status == CT_OK)
			status = ct_json_parse(text, bytes, name.text, &line);
		if (status == CT_OK)
			status = read_line(r, line, name.text);
		json_decref(line);
		ct_buf_free(&name);
		text += bytes + (text[bytes] == '\n');
	}
	if (status == CT_OK && r->head == NULL)
		return ct_fail(CT_INVALID, "%s is empty", path);
	return status;
}

static ct_status read_all(int fd, const char *path, char **text)
{
	struct stat st;
	size_t used = 0;
	ssize_t got = 1;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > MAX_BYTES)
		return ct_fail(CT_INVALID, "%s is no regular file of at most %d MiB", path,
			MAX_BYTES >> 20);
	*text = ct_alloc((size_t)st.st_size + 1, 1);
	if (*text == NULL)
		return CT_NOMEM;
	while (used < (size_t)st.st_size && got > 0) {
		got = read(fd, *text + used, (size_t)st.st_size - used);
		used += got > 0 ? (size_t)got : 0;
		if (got < 0 && errno == EINTR)
			got = 1;
	}
	if (got >= 0)
		return CT_OK;
	return ct_fail(CT_IO, "%s: %s", path, strerror(errno));
}

static ct_status load(struct replay *r, const char *prefix)
{
	struct ct_buf path = ct_buf_make(4096);
	char *text = NULL;
	int fd = -1;
	ct_status status;

	ct_buf_add(&path, "%s.%u", prefix, r->world->rank);
	status = ct_buf_status(&path);
	if (status == CT_OK)
		fd = open(path.text, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (status == CT_OK && fd < 0)
		status = ct_fail(CT_IO, "%s: %s", path.text, strerror(errno));
	if (status == CT_OK)
		status = read_all(fd, path.text, &text);
	if (status == CT_OK)
		status = read_text(r, text, path.text);
	if (fd >= 0)
		close(fd);
	ct_free(text);
	ct_buf_free(&path);
	return status;
}

/* ---- what the recorded row could do -------------------------------------------------------- */

static ct_status read_knob(struct replay *r, const json_t *from, struct ct_knob *knob,
	size_t *nvalues)
{
	const json_t *values = json_object_get(from, "values");
	ct_status status = ct_json_text(from, "name", "trace", "/algos/knobs", &knob->name);

	if (status == CT_OK)
		status = ct_json_text(from, "summary", "trace", "/algos/knobs", &knob->summary);
	knob->nvalues = json_array_size(values);
	knob->values = r->values + *nvalues;
	for (size_t i = 0; i < knob->nvalues; i++)
		r->values[(*nvalues)++] = json_integer_value(json_array_get(values, i));
	return status;
}

static void count_parts(const json_t *algos, size_t *nknobs, size_t *nvalues)
{
	size_t i, k;
	json_t *algo, *knob;

	*nknobs = *nvalues = 0;
	json_array_foreach(algos, i, algo) {
		json_array_foreach(json_object_get(algo, "knobs"), k, knob) {
			++*nknobs;
			*nvalues += json_array_size(json_object_get(knob, "values"));
		}
	}
}

static ct_status read_algos(struct replay *r)
{
	const json_t *algos = json_object_get(r->head, "algos");
	size_t i, k, nknobs, nvalues;
	ct_status status = CT_OK;

	count_parts(algos, &nknobs, &nvalues);
	r->algos = ct_alloc(json_array_size(algos), sizeof(*r->algos));
	r->knobs = ct_alloc(nknobs, sizeof(*r->knobs));
	r->values = ct_alloc(nvalues, sizeof(*r->values));
	if (r->algos == NULL || r->knobs == NULL || r->values == NULL)
		return CT_NOMEM;
	nknobs = nvalues = 0;
	for (i = 0; i < json_array_size(algos) && status == CT_OK; i++) {
		const json_t *from = json_array_get(algos, i), *knobs;
		struct ct_coll_algo *algo = &r->algos[i];
		const char *coll = "";

		status = ct_json_text(from, "coll", "trace", "/algos", &coll);
		if (status == CT_OK)
			status = ct_coll_parse(coll, &algo->coll);
		if (status == CT_OK)
			status = ct_json_text(from, "name", "trace", "/algos", &algo->name);
		knobs = json_object_get(from, "knobs");
		algo->nknobs = json_array_size(knobs);
		algo->knobs = r->knobs + nknobs;
		if (status == CT_OK && algo->nknobs > CT_MAX_KNOBS)
			status = ct_fail(CT_INVALID, "trace: %s has %zu knobs", algo->name,
				algo->nknobs);
		for (k = 0; k < algo->nknobs && status == CT_OK; k++)
			status = read_knob(r, json_array_get(knobs, k), &r->knobs[nknobs++],
				&nvalues);
	}
	r->caps.algos = r->algos;
	r->caps.nalgos = json_array_size(algos);
	return status;
}

static ct_status read_mask(const struct replay *r, const char *key, unsigned bits, uint32_t *mask)
{
	uint64_t value;
	ct_status status = ct_json_u64(r->head, key, "trace", "", 0, (1u << bits) - 1, &value);

	if (status == CT_OK)
		*mask = (uint32_t)value;
	return status;
}

static ct_status read_head(struct replay *r)
{
	uint64_t number;
	const char *text;
	ct_status status = ct_json_text(r->head, "schema", "trace", "", &text);

	if (status == CT_OK && strcmp(text, CT_TRACE_SCHEMA) != 0)
		status = ct_fail(CT_INVALID, "trace: schema is \"%s\", not \"%s\"", text,
			CT_TRACE_SCHEMA);
	if (status == CT_OK)
		status = ct_json_u64(r->head, "nranks", "trace", "", r->world->nranks,
			r->world->nranks, &number);
	if (status == CT_OK)
		status = read_mask(r, "colls", CT_NCOLLS, &r->caps.colls);
	if (status == CT_OK)
		status = read_mask(r, "types", CT_NTYPES, &r->caps.types);
	if (status == CT_OK)
		status = read_mask(r, "ops", CT_NOPS, &r->caps.ops);
	if (status == CT_OK)
		status = read_mask(r, "in_place", CT_NCOLLS, &r->caps.in_place);
	if (status == CT_OK)
		status = ct_json_text(r->head, "library", "trace", "", &text);
	if (status == CT_OK)
		ct_text_clean(r->caps.library, sizeof(r->caps.library), text);
	if (status == CT_OK)
		status = ct_json_text(r->head, "net", "trace", "", &text);
	if (status == CT_OK)
		ct_text_clean(r->caps.net_name, sizeof(r->caps.net_name), text);
	r->caps.abandons = true;
	return status == CT_OK ? read_algos(r) : status;
}

/* ---- the row ------------------------------------------------------------------------------- */

static ct_status probe(const struct ct_coll_settings *settings)
{
	(void)settings;
	return CT_OK;
}

static void close_replay(void *self)
{
	struct replay *r = self;

	for (size_t i = 0; i < r->nspans; i++) {
		ct_free(r->spans[i].what);
		ct_free(r->spans[i].ns);
	}
	ct_free(r->spans);
	ct_free(r->of);
	ct_free(r->values);
	ct_free(r->knobs);
	ct_free(r->algos);
	json_decref(r->head);
	ct_free(r);
}

static ct_status open_replay(const struct ct_coll_env *env, void **self)
{
	struct replay *r;
	ct_status status = CT_NOMEM;

	if (env->replay == NULL)
		return ct_fail(CT_INVALID, "backend trace needs a recorded trace to replay");
	r = ct_alloc(1, sizeof(*r));
	if (r == NULL)
		return CT_NOMEM;
	r->world = env->world;
	r->spans = one_more(NULL, 0, &r->room, sizeof(*r->spans));
	if (r->spans != NULL) {
		r->spans[r->nspans++] = (struct spans){ .what = NULL };
		status = load(r, env->replay);
	}
	if (status == CT_OK)
		status = read_head(r);
	if (status != CT_OK) {
		close_replay(r);
		return status;
	}
	*self = r;
	return CT_OK;
}

static const struct ct_coll_caps *query(void *self)
{
	return &((struct replay *)self)->caps;
}

static ct_status prepare(void *self, const struct ct_coll_desc *desc, void **req)
{
	struct replay *r = self;
	json_t *line = ct_trace_desc(desc);
	char *what = line != NULL ? json_dumps(line, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	struct request *request = ct_alloc(1, sizeof(*request));
	ct_status status = ct_desc_check(desc, r->world->nranks);
	size_t i;

	json_decref(line);
	for (i = 1; what != NULL && i < r->nspans && strcmp(r->spans[i].what, what) != 0;)
		i++;
	if (status == CT_OK && (what == NULL || request == NULL))
		status = CT_NOMEM;
	if (status == CT_OK && i == r->nspans)
		status = ct_fail(CT_UNSUPPORTED, "the trace holds no %s", what);
	free(what);
	if (status != CT_OK) {
		ct_free(request);
		return status;
	}
	*request = (struct request){ *desc, i };
	*req = request;
	return CT_OK;
}

static ct_status start(void *self, void *req)
{
	struct replay *r = self;
	const struct request *request = req;

	r->started = request->spans;
	ct_verify_result(&request->desc, r->world->rank, r->world->nranks, request->desc.seed);
	return CT_OK;
}

static ct_status test(void *self, void *req)
{
	(void)self;
	(void)req;
	return CT_OK;
}

static void release(void *self, void *req)
{
	(void)self;
	ct_free(req);
}

static ct_status mark(void *self, unsigned slot)
{
	(void)self;
	return slot < CT_MARKS ? CT_OK : ct_fail(CT_INVALID, "mark %u of %d", slot, CT_MARKS);
}

static ct_status span(void *self, unsigned from, unsigned to, uint64_t *ns)
{
	struct replay *r = self;
	struct spans *spans = &r->spans[r->started];

	(void)from;
	(void)to;
	*ns = spans->count > 0 ? spans->ns[spans->next++ % spans->count] : 0;
	return CT_OK;
}

const struct ct_coll_ops ct_coll_trace = {
	.abi = CT_COLL_ABI,
	.name = "trace",
	.summary = "replays the times of a recorded run; moves no data",
	.probe = probe,
	.open = open_replay,
	.close = close_replay,
	.query = query,
	.prepare = prepare,
	.start = start,
	.test = test,
	.release = release,
	.mark = mark,
	.span = span,
};
