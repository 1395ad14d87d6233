/* SPDX-License-Identifier: BSD-3-Clause */
/* What the library chose and why: asked of our profiler and tuner plugin, which it has loaded. */
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

#include "nccl_api.h"

/* ---- finding the plugins --------------------------------------------------------------------- */

enum { PATH_ROOM = 200 };

struct wanted {
	const char *kind;     /* "tuner" */
	const char *variable; /* NCCL_TUNER_PLUGIN */
	const char *value, *entry;
};

/* Does NAME look like a file of a library, as NCCL judges it? */
static bool whole_name(const char *name)
{
	size_t n = strlen(name);

	return strchr(name, '/') != NULL || (strncmp(name, "lib", 3) == 0 && n > 3 &&
		strcmp(name + n - 3, ".so") == 0);
}

/* As NCCL does it (2.21 and later): the value as it is, then as the middle of a library's name. */
static void *open_as_nccl(const struct wanted *w)
{
	char name[PATH_ROOM];
	void *handle;

	if (strcmp(w->value, "none") == 0)
		return NULL;
	if (strcmp(w->value, "STATIC_PLUGIN") == 0)
		return dlopen(NULL, RTLD_NOW | RTLD_LOCAL);
	handle = dlopen(w->value, RTLD_NOW | RTLD_LOCAL);
	if (handle != NULL || whole_name(w->value))
		return handle;
	snprintf(name, sizeof(name), "libnccl-%s-%.100s.so", w->kind, w->value);
	return dlopen(name, RTLD_NOW | RTLD_LOCAL);
}

/* Why what NCCL will load is not ours. HANDLE NULL: it will load nothing. */
static ct_status hidden(const struct ct_nccl *row, const struct wanted *w, void *handle)
{
	const char *dir = row->set.plugins != NULL ? row->set.plugins : "?";
	struct link_map *map = NULL;
	char found[PATH_ROOM], value[PATH_ROOM];

	ct_text_clean(value, sizeof(value), w->value);
	if (strcmp(value, "none") == 0)
		return ct_fail(CT_UNSUPPORTED, "%s=none hides colltune's %s plugin: NCCL would load none; ours is in %s",
			w->variable, w->kind, dir);
	if (handle == NULL && whole_name(w->value))
		return ct_fail(CT_UNSUPPORTED, "%s=%s hides colltune's %s plugin: no such library; ours is in %s",
			w->variable, value, w->kind, dir);
	if (handle == NULL)
		return ct_fail(CT_UNSUPPORTED, "%s=%s hides colltune's %s plugin: neither %s nor libnccl-%s-%s.so in "
			"LD_LIBRARY_PATH or the system's folders; ours is in %s", w->variable, value, w->kind, value,
			w->kind, value, dir);
	if (dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0 || map == NULL)
		found[0] = '\0';
	else
		ct_text_clean(found, sizeof(found), map->l_name);
	return ct_fail(CT_UNSUPPORTED, "%s=%s hides colltune's %s plugin: NCCL would load %s, which lacks %s; ours is "
		"in %s", w->variable, value, w->kind, found[0] != '\0' ? found : "the program itself", w->entry, dir);
}

/* The function W->entry of the plugin that NCCL will load, or NULL with the reason. It stays loaded: NCCL
 * takes it in a moment. */
static void *entry_of(const struct ct_nccl *row, const struct wanted *w)
{
	void *handle = open_as_nccl(w), *entry = handle != NULL ? dlsym(handle, w->entry) : NULL;

	if (entry == NULL) {
		(void)hidden(row, w, handle);
		if (handle != NULL)
			dlclose(handle);
	}
	return entry;
}

static bool is_version(const struct wanted *w, uint32_t found, uint32_t ours)
{
	if (found != ours)
		(void)ct_fail(CT_UNSUPPORTED, "%s=%.150s is a colltune plugin of another version", w->variable, w->value);
	return found == ours;
}

static bool find_profiler(struct ct_nccl *row)
{
	const struct wanted w = { "profiler", "NCCL_PROFILER_PLUGIN", row->set.profiler, "ct_profiler" };
	struct ct_profiler *(*get)(void) = NULL;
	void *entry = entry_of(row, &w);

	if (entry == NULL)
		return false;
	memcpy(&get, &entry, sizeof(get));
	if (!is_version(&w, get()->abi, CT_PROFILER_ABI))
		return false;
	row->profiler = get();
	atomic_store(&row->profiler->sparing, true);
	return true;
}

static bool find_tuner(struct ct_nccl *row)
{
	const struct wanted w = { "tuner", "NCCL_TUNER_PLUGIN", row->set.tuner, "ct_tuner_sweep" };
	struct ct_tuner_sweep *(*get)(void) = NULL;
	void *entry = entry_of(row, &w);

	if (entry == NULL)
		return false;
	memcpy(&get, &entry, sizeof(get));
	if (!is_version(&w, get()->abi, CT_TUNER_SWEEP_ABI))
		return false;
	row->sweep = get();
	atomic_store(&row->sweep->muted, row->set.rules_muted);
	return true;
}

ct_status ct_nccl_plugins_open(struct ct_nccl *row)
{
	if (row->set.profiler != NULL && !find_profiler(row) && row->set.explain)
		return CT_UNSUPPORTED;
	if (row->set.tuner != NULL && !find_tuner(row))
		return CT_UNSUPPORTED;
	return CT_OK;
}

ct_status ct_nccl_plugins_check(struct ct_nccl *row)
{
	static const char *const why = "%s did not load colltune's %s plugin, %s%s";

	if (row->sweep != NULL && atomic_load(&row->sweep->comms) == 0)
		return ct_fail(CT_UNSUPPORTED, why, row->lib.product, "tuner", "as NCCL 2.21 and later do: ",
			row->set.explain ? "there is nothing to explain" : row->set.cells ? "so its choice cannot be steered" : "so no rules can be used");
	if (row->profiler == NULL || atomic_load(&row->profiler->comms) > 0)
		return CT_OK;
	row->profiler = NULL;
	if (!row->set.explain)
		return CT_OK;
	return ct_fail(CT_UNSUPPORTED, why, row->lib.product, "profiler", "as NCCL 2.24 and later do: ",
		"there is nothing to explain");
}

/* ---- what they tell of an operation ---------------------------------------------------------- */

int ct_nccl_func(ct_coll coll)
{
	switch (coll) {
	case CT_BROADCAST:
		return 0;
	case CT_REDUCE:
		return 1;
	case CT_ALLGATHER:
		return 2;
	case CT_REDUCE_SCATTER:
		return 3;
	case CT_ALLREDUCE:
		return 4;
	default:
		return -1;
	}
}

void ct_nccl_watch(struct ct_nccl *row, struct ct_nccl_req *req)
{
	if (req->watched || ct_nccl_func(req->desc.coll) < 0)
		return;
	req->watched = req->watching = true;
	if (row->profiler != NULL)
		row->profiler->watch(true);
	if (row->sweep != NULL)
		atomic_store(&row->sweep->watch, true);
}

struct cost {
	float us;
	const char *algo, *proto;
};

/* The cells of SEEN that are possible, cheapest first. */
static size_t sort_costs(const struct ct_tuner_sweep *seen, float us[CT_NCCL_ALGOS][CT_NCCL_PROTOS],
	struct cost *costs)
{
	size_t n = 0;

	for (int a = 0; a < CT_NCCL_ALGOS; a++)
		for (int p = 0; p < CT_NCCL_PROTOS; p++) {
			size_t at = n;

			if (us[a][p] < 0)
				continue;
			for (; at > 0 && costs[at - 1].us > us[a][p]; at--)
				costs[at] = costs[at - 1];
			costs[at] = (struct cost){ us[a][p], seen->algos[a], seen->protos[p] };
			n++;
		}
	return n;
}

static void tell_costs(const struct ct_tuner_sweep *seen, float us[CT_NCCL_ALGOS][CT_NCCL_PROTOS],
	struct ct_coll_about *told)
{
	struct cost costs[CT_NCCL_ALGOS * CT_NCCL_PROTOS];
	size_t n = sort_costs(seen, us, costs), used = 0;

	for (size_t i = 0; i < n; i++) {
		char one[48];
		int length = snprintf(one, sizeof(one), "%s%s/%s %.4g", i > 0 ? ", " : "", costs[i].algo,
			costs[i].proto, (double)costs[i].us);

		if (length < 0 || used + (size_t)length >= sizeof(told->costs))
			break;
		memcpy(told->costs + used, one, (size_t)length + 1);
		used += (size_t)length;
	}
}

static void tell_rule(const struct ct_tuner_sweep *seen, int64_t rule, const char *rules,
	struct ct_coll_about *told)
{
	const char *not_used = strstr(rules, " not used");

	if (rules[0] == '\0')
		return;
	if (not_used != NULL)
		snprintf(told->rule, sizeof(told->rule), "%.*s", (int)sizeof(told->rule) - 1, not_used + 1);
	else if (rule == CT_TUNER_NONE)
		snprintf(told->rule, sizeof(told->rule), "none for this size");
	else if (rule >> 16 == 0)
		snprintf(told->rule, sizeof(told->rule), "%s %s", seen->algos[rule & 0xff],
			seen->protos[rule >> 8 & 0xff]);
	else
		snprintf(told->rule, sizeof(told->rule), "%s %s, %lld channel%s", seen->algos[rule & 0xff],
			seen->protos[rule >> 8 & 0xff], (long long)(rule >> 16), rule >> 16 == 1 ? "" : "s");
}

/* The table that NCCL showed for REQ; nothing where another rank's is being written. */
static void ask_tuner(const struct ct_nccl *row, struct ct_nccl_req *req)
{
	struct ct_tuner_sweep *seen = row->sweep;
	uint64_t before = atomic_load(&seen->seen), bytes = seen->bytes;
	float us[CT_NCCL_ALGOS][CT_NCCL_PROTOS];
	char rules[sizeof(seen->rules)];
	int func = seen->func;
	int64_t rule = seen->rule;

	memcpy(us, seen->cost_us, sizeof(us));
	memcpy(rules, seen->rules, sizeof(rules));
	rules[sizeof(rules) - 1] = '\0';
	if (before == 0 || before % 2 != 0 || atomic_load(&seen->seen) != before ||
		func != ct_nccl_func(req->desc.coll) ||
		bytes != ct_coll_bytes(req->desc.coll, row->nranks, req->desc.count, req->desc.type))
		return;
	tell_costs(seen, us, &req->told);
	tell_rule(seen, rule, rules, &req->told);
}

void ct_nccl_watched(struct ct_nccl *row, struct ct_nccl_req *req)
{
	struct ct_profiler_choice c;

	if (!req->watching)
		return;
	req->watching = false;
	if (row->profiler != NULL && row->profiler->find((int)row->rank, req->desc.send, req->desc.recv, &c))
		snprintf(req->told.chosen, sizeof(req->told.chosen), "%.20s %.12s, %d channel%s", c.algo, c.proto,
			c.channels, c.channels == 1 ? "" : "s");
	if (row->sweep != NULL) {
		atomic_store(&row->sweep->watch, false);
		ask_tuner(row, req);
	}
	if (row->profiler != NULL)
		row->profiler->watch(false);
}
