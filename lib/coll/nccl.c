/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The row "nccl": NCCL, RCCL, or a library with their ABI, opened at run time together with the GPU's
 * driver. One GPU for each rank. Time is the stream's own: events before and behind the operation.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "nccl_api.h"

enum { TOKEN_BYTES = 8, BUSID = 32 };

static bool on_host(const struct ct_nccl_settings *set)
{
	return set->gpu_lib != NULL && strcmp(set->gpu_lib, "none") == 0;
}

static ct_status nccl_probe(const struct ct_coll_settings *settings)
{
	static const struct ct_nccl_settings none = { 0 };
	const struct ct_nccl_settings *set = settings != NULL ? &settings->nccl : &none;
	struct ct_nccl_lib lib;
	struct ct_driver *gpu = NULL;
	ct_status status = ct_nccl_open_library(set->lib, &lib);

	if (status == CT_OK && !on_host(set))
		status = ct_gpu_open(set->gpu_lib, &gpu);
	ct_gpu_close(gpu);
	return status;
}

/* ---- which GPU ------------------------------------------------------------------------------- */

/* What a rank tells the others. */
struct place {
	char busid[BUSID];
	uint32_t host, gpus;
};

/* NCCL refuses two ranks on one GPU; said here it names them. */
static ct_status check_places(const struct ct_world *w, const struct place *all)
{
	for (uint32_t i = 0; i < w->nranks; i++)
		for (uint32_t k = i + 1; k < w->nranks; k++)
			if (all[i].host == all[k].host && memcmp(all[i].busid, all[k].busid, BUSID) == 0)
				return ct_fail(CT_UNSUPPORTED, "host %s: ranks %u and %u would be two ranks on one "
					"GPU (%.31s): the driver shows %u GPU%s there, and NCCL wants one for each of "
					"%u ranks", w->hosts[all[i].host].name, i, k, all[i].busid, all[i].gpus,
					all[i].gpus == 1 ? "" : "s", w->hosts[all[i].host].ranks);
	return CT_OK;
}

static ct_status share_places(struct ct_nccl *row)
{
	const struct ct_world *w = row->world;
	struct place mine = { .host = w->host_of[w->rank] }, *all = ct_alloc(w->nranks, sizeof(*all));
	ct_status status = ct_boot_agree(w->boot, all != NULL ? CT_OK : CT_NOMEM);

	if (status == CT_OK) {
		snprintf(mine.busid, sizeof(mine.busid), "%s", row->gpu->busid);
		mine.gpus = (uint32_t)row->gpu->count;
		if (w->nranks == 1)
			all[0] = mine;
		else
			status = w->boot->allgather(w->boot->ctx, &mine, all, sizeof(mine));
	}
	if (status == CT_OK)
		status = check_places(w, all); /* the same on every rank */
	ct_free(all);
	return status;
}

/* The GPU of this rank: as many as there are on the host, in the order of the ranks; where each rank
 * is shown only its own (as Slurm does), that one. */
static ct_status take_gpu(struct ct_nccl *row)
{
	ct_status status = ct_gpu_open(row->set.gpu_lib, &row->gpu);

	if (status != CT_OK)
		return status;
	return ct_gpu_use(row->gpu, (int)(row->world->local_rank % (uint32_t)row->gpu->count));
}

/* ---- opening and closing --------------------------------------------------------------------- */

/* Memory that NCCL gives out, which it can register. */
static ct_status registered_alloc(void *self, uint64_t bytes, void **at)
{
	struct ct_nccl *row = self;

	return ct_nccl_status(&row->lib, row->comm, "ncclMemAlloc", row->lib.call.mem_alloc(at, bytes)) == CT_OK
		? CT_OK : CT_NOMEM;
}

static void registered_free(void *self, void *at)
{
	struct ct_nccl *row = self;

	if (at != NULL)
		(void)row->lib.call.mem_free(at);
}

static ct_status registered_put(void *self, void *to, const void *from, uint64_t bytes)
{
	return ct_gpu_mem_cuda.put(((struct ct_nccl *)self)->gpu, to, from, bytes);
}

static ct_status registered_get(void *self, void *to, const void *from, uint64_t bytes)
{
	return ct_gpu_mem_cuda.get(((struct ct_nccl *)self)->gpu, to, from, bytes);
}

static const struct ct_gpu_mem_ops registered = {
	"nccl", registered_alloc, registered_free, registered_put, registered_get,
};

static void fill_caps(struct ct_nccl *row)
{
	struct ct_coll_caps *caps = &row->caps;
	const struct ct_driver *gpu = row->gpu;

	caps->colls = (1u << CT_NCOLLS) - 1;
	caps->types = (1u << CT_NTYPES) - 1;
	caps->ops = (1u << CT_NOPS) - 1;
	caps->in_place = 1u << CT_ALLREDUCE | 1u << CT_ALLGATHER | 1u << CT_REDUCE_SCATTER |
		1u << CT_BROADCAST | 1u << CT_REDUCE | 1u << CT_BARRIER | 1u << CT_GATHER | 1u << CT_SCATTER;
	caps->abandons = row->set.nonblocking;
	caps->aggregates = true;
	snprintf(caps->library, sizeof(caps->library), "%s", row->lib.product);
	if (gpu == NULL)
		snprintf(caps->net.path, sizeof(caps->net.path), "host memory, no GPU");
	else if (strcmp(gpu->kind, "cuda") == 0)
		snprintf(caps->net.path, sizeof(caps->net.path), "%s, driver for CUDA %d.%d", gpu->name,
			gpu->version / 1000, gpu->version / 10 % 100);
	else
		snprintf(caps->net.path, sizeof(caps->net.path), "%s, HIP driver %d", gpu->name, gpu->version);
	if (gpu != NULL)
		snprintf(caps->net.expectation, sizeof(caps->net.expectation), "gpu");
	caps->net.data_unchecked = true;
	caps->algos = row->algos;
	caps->nalgos = ct_nccl_algos(row->algos);
	if (gpu != NULL && row->set.registered > 0)
		caps->own = (struct ct_gpu_mem){ &registered, row };
	else if (gpu != NULL)
		caps->own = (struct ct_gpu_mem){ ct_gpu_memory(gpu), row->gpu };
}

static ct_status add_cells(struct ct_nccl *row)
{
	size_t n;
	ct_status status = ct_nccl_cells(row, &row->algos[row->caps.nalgos], &n);

	row->caps.nalgos += n;
	return status;
}

static ct_status make_stream(struct ct_nccl *row)
{
	struct ct_driver *gpu = row->gpu;
	ct_status status;

	if (gpu == NULL)
		return CT_OK;
	status = ct_gpu_status(gpu, CT_UNSUPPORTED, "a stream",
		gpu->call.stream_make(&row->stream, CT_GPU_NONBLOCKING));
	for (int i = 0; i < CT_MARKS && status == CT_OK; i++)
		status = ct_gpu_status(gpu, CT_UNSUPPORTED, "an event", gpu->call.event_make(&row->event[i], 0));
	if (status == CT_OK)
		status = ct_gpu_memory(gpu)->alloc(gpu, TOKEN_BYTES, &row->token);
	if (status == CT_OK)
		status = ct_gpu_memory(gpu)->put(gpu, row->token, &row->host_token, TOKEN_BYTES);
	return status;
}

static ct_status check_wishes(const struct ct_nccl *row)
{
	const struct ct_nccl_calls *c = &row->lib.call;

	if (row->gpu == NULL && (row->set.graphs > 0 || row->set.registered > 0))
		return ct_fail(CT_UNSUPPORTED, "graphs and registered buffers need a GPU: --gpu-lib none has "
			"neither");
	if (row->set.graphs > 0 && !ct_gpu_graphs(row->gpu))
		return ct_fail(CT_UNSUPPORTED, "%s has no graphs", row->gpu->lib);
	if (row->set.registered > 0 && (c->mem_alloc == NULL || c->mem_free == NULL || c->reg == NULL ||
		c->dereg == NULL))
		return ct_fail(CT_UNSUPPORTED, "%s cannot register buffers (ncclCommRegister, 2.19)",
			row->lib.product);
	if (row->set.registered > 1 && (c->window == NULL || c->unwindow == NULL))
		return ct_fail(CT_UNSUPPORTED, "%s has no symmetric windows (ncclCommWindowRegister, 2.27)",
			row->lib.product);
	return CT_OK;
}

static void nccl_close(void *self)
{
	struct ct_nccl *row = self;
	struct ct_driver *gpu = row->gpu;

	ct_nccl_end(row);
	if (row->sweep != NULL && row->set.cells)
		atomic_store(&row->sweep->forced, CT_TUNER_NONE);
	if (gpu != NULL) {
		ct_gpu_memory(gpu)->free(gpu, row->token);
		for (int i = 0; i < CT_MARKS; i++)
			if (row->event[i] != NULL)
				(void)gpu->call.event_free(row->event[i]);
		if (row->stream != NULL)
			(void)gpu->call.stream_free(row->stream);
	}
	if (!row->stranded) /* else a thread is still in the library and has the GPU */
		ct_gpu_close(gpu);
	ct_free(row);
}

/* Everything that this rank can do alone. */
static ct_status open_alone(struct ct_nccl *row)
{
	ct_status status = ct_nccl_open_library(row->set.lib, &row->lib);

	if (status == CT_OK)
		status = ct_nccl_plugins_open(row);
	if (status == CT_OK && !on_host(&row->set))
		status = take_gpu(row);
	if (status == CT_OK)
		status = check_wishes(row);
	if (status == CT_OK)
		status = make_stream(row);
	return status;
}

static ct_status nccl_open(const struct ct_coll_env *env, void **self)
{
	const struct ct_boot *boot = env->world->boot;
	struct ct_nccl *row = ct_alloc(1, sizeof(*row));
	uint64_t now = ct_now_ns();
	ct_status status = ct_boot_agree(boot, row != NULL ? CT_OK : CT_NOMEM);

	if (status != CT_OK)
		goto free_row;
	row->world = env->world;
	row->group = env->group != NULL ? *env->group : ct_world_whole(env->world);
	if (env->settings != NULL)
		row->set = env->settings->nccl;
	row->patience_ns = env->open_by.at_ns > now ? env->open_by.at_ns - now : 0;
	status = ct_boot_agree(boot, open_alone(row));
	if (status == CT_OK && row->gpu != NULL)
		status = share_places(row);
	if (status == CT_OK)
		status = ct_nccl_join(row, env->open_by);
	fill_caps(row);
	if (status == CT_OK)
		status = ct_boot_agree(boot, add_cells(row));
	if (status != CT_OK) {
		ct_nccl_give_up(row);
		nccl_close(row);
		return status;
	}
	*self = row;
	return CT_OK;
free_row:
	ct_free(row);
	return status;
}

static const struct ct_coll_caps *nccl_query(void *self)
{
	return &((struct ct_nccl *)self)->caps;
}

/* ---- an operation ---------------------------------------------------------------------------- */

/* NCCL makes messages of these, and of messages it predicts nothing. */
static bool by_messages(ct_coll coll)
{
	return coll == CT_ALLTOALL || coll == CT_GATHER || coll == CT_SCATTER || coll >= CT_P2P_LATENCY;
}

/* The library's own prediction: the operation is enqueued for nobody. */
static void predict(struct ct_nccl *row, struct ct_nccl_req *req)
{
	struct ct_nccl_sim sim = { sizeof(sim), CT_NCCL_SIM_MAGIC, CT_NCCL_SIM_VERSION, -1 };
	int rc;

	if (row->lib.call.simulate_end == NULL || row->set.nonblocking || by_messages(req->desc.coll) ||
		row->lib.call.group_start() != CT_NCCL_SUCCESS)
		return;
	rc = req->issue(row, req);
	if (row->lib.call.simulate_end(&sim) == CT_NCCL_SUCCESS && rc == CT_NCCL_SUCCESS && sim.us > 0 &&
		sim.us < 1e9f)
		req->told.predicted_ns = (uint64_t)((double)sim.us * 1e3);
}

/* Both windows, or in place the one piece of memory that holds them. */
static ct_status register_buffers(struct ct_nccl *row, struct ct_nccl_req *req)
{
	const struct ct_coll_desc *d = &req->desc;
	struct ct_coll_buffers b = ct_coll_buffers(d->coll, row->rank, row->nranks, d->count,
		d->in_place);
	size_t each = ct_type_bytes(d->type), bytes[2] = { b.send * each, b.recv * each };
	void *at[2] = { d->send, d->recv };
	ct_status status = CT_OK;

	if (d->in_place) {
		at[0] = d->send < d->recv ? d->send : d->recv;
		bytes[0] = bytes[0] > bytes[1] ? bytes[0] : bytes[1];
		bytes[1] = 0;
	}
	for (int i = 0; i < 2 && status == CT_OK; i++) {
		if (bytes[i] == 0)
			continue;
		if (row->set.registered > 1)
			status = ct_nccl_status(&row->lib, row->comm, "ncclCommWindowRegister",
				row->lib.call.window(row->comm, at[i], bytes[i], &req->window[i], CT_NCCL_SYMMETRIC));
		else
			status = ct_nccl_status(&row->lib, row->comm, "ncclCommRegister",
				row->lib.call.reg(row->comm, at[i], bytes[i], &req->reg[i]));
	}
	return status;
}

/* Every rank has the same, and none is behind: each start lies between barriers. */
static void force(const struct ct_nccl *row, const struct ct_nccl_req *req)
{
	if (row->sweep != NULL && row->set.cells)
		atomic_store(&row->sweep->forced, req->forced);
}

/* The calls as a graph that each start launches. */
static ct_status capture(struct ct_nccl *row, struct ct_nccl_req *req)
{
	struct ct_driver *gpu = row->gpu;
	void *graph = NULL;
	int error, rc;
	ct_status status = ct_gpu_status(gpu, CT_UNSUPPORTED, "beginning a graph",
		gpu->call.capture_begin(row->stream, CT_GPU_RELAXED));

	if (status != CT_OK)
		return status;
	force(row, req);
	ct_nccl_watch(row, req);
	rc = ct_nccl_issue(row, req);
	status = ct_nccl_settle(row, req->name, rc, ct_deadline_in(row->patience_ns));
	ct_nccl_watched(row, req);
	error = gpu->call.capture_end(row->stream, &graph);
	if (status == CT_OK)
		status = ct_gpu_status(gpu, CT_UNSUPPORTED, "ending a graph", error);
	if (status == CT_OK)
		status = ct_gpu_status(gpu, CT_UNSUPPORTED, "making a graph",
			gpu->call.graph_make(&req->graph, graph, 0));
	if (graph != NULL)
		(void)gpu->call.graph_free(graph);
	return status;
}

static void nccl_release(void *self, void *request)
{
	struct ct_nccl *row = self;
	struct ct_nccl_req *req = request;

	/* The memory goes next, and the GPU may still be at it: only an abort ends a kernel that waits. */
	if (atomic_load(&req->running))
		ct_nccl_give_up(row);
	ct_nccl_watched(row, req);
	if (req->graph != NULL)
		(void)row->gpu->call.exec_free(req->graph);
	for (int i = 0; i < 2 && row->comm != NULL; i++) {
		if (req->reg[i] != NULL)
			(void)row->lib.call.dereg(row->comm, req->reg[i]);
		if (req->window[i] != NULL)
			(void)row->lib.call.unwindow(row->comm, req->window[i]);
	}
	ct_free(req);
}

static ct_status check_desc(const struct ct_nccl *row, const struct ct_coll_desc *desc)
{
	ct_status status = ct_desc_check(desc, row->nranks);

	if (status == CT_OK && row->broken)
		status = ct_fail(CT_PEER, "an operation on this communicator was given up; open a new one");
	if (status == CT_OK && desc->in_place && !(row->caps.in_place >> desc->coll & 1))
		status = ct_fail(CT_UNSUPPORTED, "backend nccl: %s does not run in place",
			ct_coll_name(desc->coll));
	if (status == CT_OK && row->set.nonblocking && desc->operations > (desc->group > 1 ? desc->group : 1))
		status = ct_fail(CT_UNSUPPORTED, "a communicator that does not block takes no call before the last "
			"one is through: its operations follow each other in one group only");
	return status;
}

static ct_status nccl_prepare(void *self, const struct ct_coll_desc *desc, void **out)
{
	struct ct_nccl *row = self;
	struct ct_nccl_req *req;
	ct_status status = check_desc(row, desc);

	if (status != CT_OK)
		return status;
	req = ct_alloc(1, sizeof(*req));
	if (req == NULL)
		return CT_NOMEM;
	req->desc = *desc;
	ct_nccl_bind(row, req);
	req->forced = ct_nccl_cell(row, desc);
	status = ct_nccl_possible(row, req);
	if (status == CT_OK && row->set.registered > 0)
		status = register_buffers(row, req);
	if (status == CT_OK)
		predict(row, req);
	if (status == CT_OK && row->set.graphs > 0)
		status = capture(row, req);
	if (status != CT_OK) {
		nccl_release(row, req);
		return status;
	}
	*out = req;
	return CT_OK;
}

static ct_status nccl_start(void *self, void *request)
{
	struct ct_nccl *row = self;
	struct ct_nccl_req *req = request;
	ct_status status;

	if (row->broken)
		return ct_fail(CT_PEER, "an operation on this communicator was given up; open a new one");
	atomic_store(&req->running, true);
	force(row, req);
	ct_nccl_watch(row, req);
	if (req->graph != NULL)
		status = ct_gpu_status(row->gpu, CT_IO, "launching a graph",
			row->gpu->call.graph_launch(req->graph, row->stream));
	else
		status = ct_nccl_status(&row->lib, row->comm, req->name, ct_nccl_issue(row, req));
	if (status != CT_OK)
		ct_nccl_give_up(row);
	return status;
}

/* An error that the library noticed by itself, as one of REQ. */
static ct_status look_for_error(struct ct_nccl *row, const struct ct_nccl_req *req, int *state)
{
	int asked = row->lib.call.async_error(row->comm, state);
	char call[96];
	ct_status status = ct_nccl_status(&row->lib, row->comm, "ncclCommGetAsyncError", asked);

	if (status != CT_OK)
		return status;
	snprintf(call, sizeof(call), "asynchronous error during %s", req->name);
	return ct_nccl_status(&row->lib, row->comm, call, *state);
}

static ct_status nccl_test(void *self, void *request)
{
	struct ct_nccl *row = self;
	struct ct_nccl_req *req = request;
	int state = CT_NCCL_SUCCESS, ready = CT_GPU_OK;
	ct_status status;

	if (row->broken)
		return ct_fail(CT_PEER, "this communicator was given up");
	status = look_for_error(row, req, &state);
	if (status == CT_OK && state == CT_NCCL_IN_PROGRESS)
		return CT_BUSY;
	if (status == CT_OK && row->gpu != NULL) {
		ready = row->gpu->call.stream_query(row->stream);
		if (ready == CT_GPU_NOT_READY)
			return CT_BUSY;
		status = ct_gpu_status(row->gpu, CT_IO, req->name, ready);
	}
	if (status != CT_OK) {
		char why[420];

		snprintf(why, sizeof(why), "%s", ct_why());
		ct_nccl_give_up(row);
		(void)ct_fail(status, "%s", why);
	}
	atomic_store(&req->running, false);
	ct_nccl_watched(row, req);
	return status;
}

/* ---- time, and what else is told ------------------------------------------------------------- */

static ct_status nccl_mark(void *self, unsigned slot)
{
	struct ct_nccl *row = self;

	if (slot >= CT_MARKS)
		return ct_fail(CT_INVALID, "mark %u of %d", slot, CT_MARKS);
	row->marks[slot] = ct_now_ns();
	if (row->gpu == NULL)
		return CT_OK;
	return ct_gpu_status(row->gpu, CT_IO, "recording an event",
		row->gpu->call.event_record(row->event[slot], row->stream));
}

static ct_status nccl_span(void *self, unsigned from, unsigned to, uint64_t *ns)
{
	struct ct_nccl *row = self;
	float ms = 0;
	ct_status status;

	if (from >= CT_MARKS || to >= CT_MARKS)
		return ct_fail(CT_INVALID, "span from mark %u to %u of %d", from, to, CT_MARKS);
	if (row->gpu == NULL) {
		*ns = row->marks[to] - row->marks[from];
		return CT_OK;
	}
	status = ct_gpu_status(row->gpu, CT_IO, "waiting for an event",
		row->gpu->call.event_sync(row->event[to]));
	if (status == CT_OK)
		status = ct_gpu_status(row->gpu, CT_IO, "the time between two events",
			row->gpu->call.event_elapsed(&ms, row->event[from], row->event[to]));
	if (status == CT_OK)
		*ns = ms > 0 ? (uint64_t)((double)ms * 1e6) : 0;
	return status;
}

static void nccl_waiting(void *self, void *request, char *out, size_t room)
{
	const struct ct_nccl *row = self;
	const struct ct_nccl_req *req = request;

	if (atomic_load(&req->running))
		snprintf(out, room, "%s by %s, which has not completed%s", req->name, row->lib.product,
			row->gpu != NULL ? " on its stream" : "");
	else
		snprintf(out, room, "nothing");
}

static ct_status nccl_about(void *self, void *request, struct ct_coll_about *about)
{
	const struct ct_nccl_req *req = request;

	(void)self;
	*about = req->told;
	return CT_OK;
}

const struct ct_coll_ops ct_coll_nccl = {
	.abi = CT_COLL_ABI,
	.name = "nccl",
	.summary = "NCCL, RCCL, or a library with their ABI, on GPUs",
	.splits = true,
	.probe = nccl_probe,
	.open = nccl_open,
	.close = nccl_close,
	.query = nccl_query,
	.prepare = nccl_prepare,
	.start = nccl_start,
	.test = nccl_test,
	.release = nccl_release,
	.mark = nccl_mark,
	.span = nccl_span,
	.waiting = nccl_waiting,
	.about = nccl_about,
};
