/* SPDX-License-Identifier: BSD-3-Clause */
/* Wraps a row so that what was asked of it and how long that took can be replayed: see trace.c. */
#include <stdio.h>

#include "native.h"
#include "trace.h"

struct recorder {
	struct ct_coll_lib inner;
	FILE *file;
	uint64_t nprepared;
	uint64_t started; /* number of the request started last; 0 = none */
};

struct request {
	void *inner;
	uint64_t number;
};

static ct_status write_line(struct recorder *r, json_t *line)
{
	ct_status status;

	if (line == NULL)
		return ct_fail(CT_NOMEM, "no memory for a line of the trace");
	status = ct_json_line(r->file, line);
	json_decref(line);
	return status;
}

static void close_recorder(void *self)
{
	struct recorder *r = self;

	ct_coll_close(&r->inner);
	fclose(r->file);
	ct_free(r);
}

static const struct ct_coll_caps *query(void *self)
{
	struct recorder *r = self;

	return r->inner.ops->query(r->inner.self);
}

static ct_status prepare(void *self, const struct ct_coll_desc *desc, void **req)
{
	struct recorder *r = self;
	struct request *request = ct_alloc(1, sizeof(*request));
	ct_status status;

	if (request == NULL)
		return CT_NOMEM;
	status = r->inner.ops->prepare(r->inner.self, desc, &request->inner);
	if (status != CT_OK) {
		ct_free(request);
		return status;
	}
	request->number = ++r->nprepared;
	status = write_line(r, json_pack("{s:I, s:o}", "number", (json_int_t)request->number,
		"prepare", ct_trace_desc(desc)));
	if (status != CT_OK) {
		r->inner.ops->release(r->inner.self, request->inner);
		ct_free(request);
		return status;
	}
	*req = request;
	return CT_OK;
}

static ct_status start(void *self, void *req)
{
	struct recorder *r = self;
	struct request *request = req;

	r->started = request->number;
	return r->inner.ops->start(r->inner.self, request->inner);
}

static ct_status test(void *self, void *req)
{
	struct recorder *r = self;

	return r->inner.ops->test(r->inner.self, ((struct request *)req)->inner);
}

static void release(void *self, void *req)
{
	struct recorder *r = self;

	r->inner.ops->release(r->inner.self, ((struct request *)req)->inner);
	ct_free(req);
}

static ct_status mark(void *self, unsigned slot)
{
	struct recorder *r = self;

	return r->inner.ops->mark(r->inner.self, slot);
}

static ct_status span(void *self, unsigned from, unsigned to, uint64_t *ns)
{
	struct recorder *r = self;
	uint64_t got;
	ct_status status = r->inner.ops->span(r->inner.self, from, to, &got);

	if (status == CT_OK)
		status = write_line(r, json_pack("{s:I, s:I}", "number", (json_int_t)r->started,
			"span", (json_int_t)got));
	if (status == CT_OK)
		*ns = got;
	return status;
}

static void waiting(void *self, void *req, char *out, size_t room)
{
	struct recorder *r = self;

	r->inner.ops->waiting(r->inner.self, ((struct request *)req)->inner, out, room);
}

static ct_status series(void *self, void *req, struct ct_coll_series *out)
{
	struct recorder *r = self;

	return r->inner.ops->series(r->inner.self, ((struct request *)req)->inner, out);
}

static ct_status about(void *self, void *req, struct ct_coll_about *out)
{
	struct recorder *r = self;

	return r->inner.ops->about(r->inner.self, ((struct request *)req)->inner, out);
}

static ct_status open_file(const char *prefix, const struct ct_world *world, FILE **file)
{
	struct ct_buf path = ct_buf_make(4096);
	ct_status status;

	ct_buf_add(&path, "%s.%u", prefix, world->rank);
	status = ct_buf_status(&path);
	if (status == CT_OK)
		status = ct_file_append(path.text, 0600, file);
	ct_buf_free(&path);
	return status;
}

ct_status ct_trace_record(const char *prefix, const struct ct_world *world,
	struct ct_coll_lib *lib)
{
	struct ct_coll_ops *ops = ct_alloc(1, sizeof(*ops));
	struct recorder *r = ct_alloc(1, sizeof(*r));
	ct_status status = CT_NOMEM;

	if (ops == NULL || r == NULL)
		goto free_both;
	status = open_file(prefix, world, &r->file);
	if (status != CT_OK)
		goto free_both;
	status = write_line(r, ct_trace_head(lib->ops->name, world,
		lib->ops->query(lib->self)));
	if (status != CT_OK) {
		fclose(r->file);
		goto free_both;
	}
	r->inner = *lib;
	*ops = (struct ct_coll_ops){
		.abi = CT_COLL_ABI, .name = lib->ops->name, .summary = lib->ops->summary,
		.probe = lib->ops->probe, .open = lib->ops->open, .close = close_recorder,
		.query = query, .prepare = prepare, .start = start, .test = test,
		.release = release, .mark = mark, .span = span, .waiting = waiting,
		.series = series, .about = about,
	};
	lib->ops = ops;
	lib->self = r;
	return CT_OK;
free_both:
	ct_free(r);
	ct_free(ops);
	return status;
}
