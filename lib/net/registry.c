/* SPDX-License-Identifier: BSD-3-Clause */
/* The list of transports, and how one is opened by all ranks together. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "queue.h"

/* The module's row takes its place once the module is open. */
static const struct ct_net_ops verbs_row = {
	.abi = CT_NET_ABI,
	.name = "verbs",
	.summary = CT_VERBS_SUMMARY,
	.missing = "comes with the module colltune-verbs.so, which is not there; build with libibverbs "
		"(libibverbs-dev) to have it",
	.settings_bytes = sizeof(struct ct_verbs_settings),
};

static const struct ct_net_ops *const rows[] = { /* order = preference */
	&ct_net_self, &ct_net_shm, &ct_net_tcp, &verbs_row, NULL
};

const struct ct_option ct_net_options[] = {
	CT_SHM_OPTIONS(offsetof(struct ct_net_settings, shm)),
	CT_TCP_OPTIONS(offsetof(struct ct_net_settings, tcp)),
	CT_VERBS_OPTIONS(offsetof(struct ct_net_settings, verbs)),
	CT_NO_OPTION
};

const struct ct_net_ops *const *ct_net_rows(void)
{
	return rows;
}

ct_status ct_net_find(const char *name, const struct ct_net_ops **ops)
{
	const char *names[sizeof(rows) / sizeof(rows[0]) + 1] = { "auto" }, *near;

	for (size_t i = 0; rows[i] != NULL; i++) {
		names[i + 1] = rows[i]->name;
		if (strcmp(rows[i]->name, name) == 0) {
			*ops = rows[i];
			return CT_OK;
		}
	}
	near = ct_nearest(name, names);
	if (near == NULL)
		return ct_fail(CT_INVALID,
			"unknown transport \"%s\"; there are auto, self, shm, tcp, verbs", name);
	return ct_fail(CT_INVALID, "unknown transport \"%s\"; did you mean %s?", name, near);
}

bool ct_net_is(const char *text, const char *name)
{
	size_t n = strlen(name);

	return strncmp(text, name, n) == 0 && (text[n] == '\0' || text[n] == ':');
}

/* Where the device that a text names goes; NULL: the row has none to choose. */
static char **device_of(struct ct_net_settings *settings, const struct ct_net_ops *ops)
{
	if (ops == &ct_net_tcp)
		return &settings->tcp.iface;
	return ops == &verbs_row ? &settings->verbs.dev : NULL;
}

ct_status ct_net_parse(const char *text, const struct ct_net_ops **ops, const char **device)
{
	const char *colon = strchr(text, ':');
	struct ct_net_settings any = { 0 };
	const struct ct_net_ops *found = NULL;
	char name[CT_NET_TEXT];
	ct_status s = CT_OK;

	if (strlen(text) >= sizeof(name))
		return ct_fail(CT_INVALID, "a transport's text has at most %d bytes: \"%.32s...\"",
			CT_NET_TEXT - 1, text);
	snprintf(name, sizeof(name), "%s", text);
	name[colon != NULL ? (size_t)(colon - text) : strlen(name)] = '\0';
	if (strcmp(name, "auto") != 0)
		s = ct_net_find(name, &found);
	if (s != CT_OK)
		return s;
	if (colon != NULL && (found == NULL || device_of(&any, found) == NULL))
		return ct_fail(CT_INVALID, "transport %s has no device to choose (\"%s\"); tcp and verbs "
			"have", name, text);
	if (colon != NULL && colon[1] == '\0')
		return ct_fail(CT_INVALID, "transport \"%s\": no device after the colon", text);
	*ops = found;
	*device = colon != NULL ? colon + 1 : NULL;
	return CT_OK;
}

const struct ct_net_ops *ct_net_here(const struct ct_world *world, const struct ct_net_ops *ops)
{
	const struct ct_module *const *m = world->modules;

	for (; m != NULL && *m != NULL; m++)
		if ((*m)->net != NULL && strcmp((*m)->net->name, ops->name) == 0)
			return (*m)->net;
	return ops;
}

const void *ct_net_settings_of(const struct ct_net_settings *all, const struct ct_net_ops *ops)
{
	if (strcmp(ops->name, ct_net_shm.name) == 0)
		return &all->shm;
	if (strcmp(ops->name, ct_net_tcp.name) == 0)
		return &all->tcp;
	if (strcmp(ops->name, verbs_row.name) == 0)
		return &all->verbs;
	return NULL;
}

/* ---- stubs for absent callbacks ------------------------------------------------------------ */

static ct_status stub_probe(void)
{
	return CT_OK;
}

static ct_status stub_open(const struct ct_net_env *env, void **self)
{
	(void)env, (void)self;
	return ct_fail(CT_UNSUPPORTED, "this transport cannot be opened");
}

static void stub_close(void *self)
{
	(void)self;
}

static void stub_query(void *self, struct ct_net_caps *caps)
{
	(void)self, (void)caps;
}

static ct_status stub_address(void *self, void *out, size_t *bytes)
{
	(void)self, (void)out;
	*bytes = 0;
	return CT_OK;
}

static ct_status stub_connect(void *self, uint32_t peer, const void *address, size_t bytes)
{
	(void)self, (void)address, (void)bytes;
	return ct_fail(CT_UNSUPPORTED, "this transport cannot reach rank %u", peer);
}

static ct_status stub_ready(void *self)
{
	(void)self;
	return CT_OK;
}

static ct_status stub_reg(void *self, void *memory, uint64_t bytes, uint64_t *key)
{
	(void)self, (void)memory, (void)bytes, (void)key;
	return ct_fail(CT_UNSUPPORTED, "this transport registers no memory");
}

static void stub_dereg(void *self, uint64_t key)
{
	(void)self, (void)key;
}

static ct_status stub_reg_mem(void *self, const struct ct_mem *mem, uint64_t *key)
{
	(void)self, (void)key;
	return ct_fail(CT_UNSUPPORTED, "this transport takes memory of the host only, not %s",
		mem->ops->name);
}

static ct_status stub_post(void *self, struct ct_net_req *req)
{
	(void)self, (void)req;
	return ct_fail(CT_UNSUPPORTED, "this transport moves no messages");
}

static ct_status stub_poll(void *self)
{
	(void)self;
	return CT_OK;
}

struct ct_net_ops *ct_net_fill(const struct ct_net_ops *ops)
{
	struct ct_net_ops *f = ct_alloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	*f = *ops;
	f->probe = ops->probe != NULL ? ops->probe : stub_probe;
	f->open = ops->open != NULL ? ops->open : stub_open;
	f->close = ops->close != NULL ? ops->close : stub_close;
	f->query = ops->query != NULL ? ops->query : stub_query;
	f->address = ops->address != NULL ? ops->address : stub_address;
	f->connect = ops->connect != NULL ? ops->connect : stub_connect;
	f->ready = ops->ready != NULL ? ops->ready : stub_ready;
	f->reg = ops->reg != NULL ? ops->reg : stub_reg;
	f->dereg = ops->dereg != NULL ? ops->dereg : stub_dereg;
	f->reg_mem = ops->reg_mem != NULL ? ops->reg_mem : stub_reg_mem;
	f->post = ops->post != NULL ? ops->post : stub_post;
	f->poll = ops->poll != NULL ? ops->poll : stub_poll;
	return f;
}

/* ---- opening, step by step, agreed after each ------------------------------------------------ */

struct card {
	uint32_t bytes;
	char address[CT_NET_ADDRESS];
};

/* Can this rank use OPS at all? */
static ct_status usable(const struct ct_net_ops *ops)
{
	if (ops->missing != NULL)
		return ct_fail(CT_UNSUPPORTED, "transport %s: %s", ops->name, ops->missing);
	if (ops->abi != CT_NET_ABI)
		return ct_fail(CT_UNSUPPORTED, "transport %s: made for ABI %u, this is %d",
			ops->name,
			ops->abi, CT_NET_ABI);
	return ops->probe == NULL ? CT_OK : ops->probe();
}

/* Opens this rank's instance and learns its address. */
static ct_status open_mine(const struct ct_net_env *env, struct ct_net *net, struct card *card)
{
	size_t bytes = sizeof(card->address);
	ct_status s = usable(net->ops);

	memset(card, 0, sizeof(*card));
	if (s == CT_OK)
		s = net->ops->open(env, &net->self);
	if (s != CT_OK)
		return s;
	s = net->ops->address(net->self, card->address, &bytes);
	if (s == CT_OK && bytes > sizeof(card->address))
		s = ct_fail(CT_INVALID, "transport %s: an address of %zu bytes, %d is the most",
			net->ops->name, bytes, CT_NET_ADDRESS);
	card->bytes = (uint32_t)bytes;
	return s;
}

static ct_status connect_all(struct ct_net *net, const struct card *cards)
{
	const struct ct_world *w = net->world;
	ct_status s = CT_OK;

	for (uint32_t i = 1; i < w->nranks && s == CT_OK; i++) {
		uint32_t peer = (w->rank + i) % w->nranks; /* not all at rank 0 first */

		if (cards[peer].bytes > CT_NET_ADDRESS)
			return ct_fail(CT_CORRUPT, "rank %u: an address of %u bytes", peer,
				cards[peer].bytes);
		s = net->ops->connect(net->self, peer, cards[peer].address, cards[peer].bytes);
	}
	return s;
}

/* The collective part: OPENED is what this rank's own opening gave. */
static ct_status join(struct ct_net *net, ct_status opened, const struct card *mine,
	struct card *cards)
{
	const struct ct_boot *boot = net->world->boot;
	ct_status s = ct_boot_agree(boot, opened);

	if (s == CT_OK && boot->nranks > 1)
		s = boot->allgather(boot->ctx, mine, cards, sizeof(*mine));
	if (s != CT_OK)
		return s;
	s = ct_boot_agree(boot, connect_all(net, cards));
	if (s == CT_OK)
		s = ct_boot_agree(boot, net->ops->ready(net->self));
	return s;
}

struct devices {
	char name[CT_NET_DEVICES][sizeof(((struct ct_net_caps *)NULL)->device)];
};

static bool has_device(const struct devices *d, const char *name)
{
	for (int i = 0; i < CT_NET_DEVICES; i++)
		if (strncmp(d->name[i], name, sizeof(d->name[i])) == 0)
			return true;
	return false;
}

/* How many ranks of rank R's host use one of its devices, the most of them. */
static uint32_t sharers_of(const struct ct_world *w, const struct devices *all, uint32_t r)
{
	uint32_t most = 0;

	for (int d = 0; d < CT_NET_DEVICES; d++) {
		uint32_t same = 0;

		for (uint32_t i = 0; all[r].name[d][0] != '\0' && i < w->nranks; i++)
			same += w->host_of[i] == w->host_of[r] && has_device(&all[i], all[r].name[d]);
		most = same > most ? same : most;
	}
	return most;
}

/* Collective: how many ranks of a host have their bytes go over one device. */
static ct_status count_sharers(struct ct_net *net)
{
	const struct ct_world *w = net->world;
	struct devices mine, *all = ct_alloc(w->nranks, sizeof(*all));
	ct_status s = ct_boot_agree(w->boot, all != NULL ? CT_OK : CT_NOMEM);

	if (net->caps.devices[0][0] == '\0')
		memcpy(net->caps.devices[0], net->caps.device, sizeof(net->caps.device));
	memcpy(mine.name, net->caps.devices, sizeof(mine.name));
	net->caps.sharers = 0;
	if (s == CT_OK && w->nranks > 1)
		s = w->boot->allgather(w->boot->ctx, &mine, all, sizeof(*all));
	for (uint32_t r = 0; s == CT_OK && w->nranks > 1 && r < w->nranks; r++) {
		uint32_t same = sharers_of(w, all, r);

		if (same > net->caps.sharers)
			net->caps.sharers = same;
	}
	ct_free(all);
	return s;
}

/* Undone whole on an error. */
static ct_status open_env(const struct ct_net_ops *ops, const struct ct_net_env *env,
	struct ct_net *out)
{
	struct ct_net net = { .world = env->world };
	struct card mine = { 0 }, *cards;
	ct_status s = CT_NOMEM;

	net.ops = ct_net_fill(ct_net_here(env->world, ops));
	cards = ct_alloc(env->world->nranks, sizeof(*cards));
	if (net.ops != NULL && cards != NULL)
		s = open_mine(env, &net, &mine);
	s = join(&net, s, &mine, cards);
	ct_free(cards);
	if (s != CT_OK) {
		ct_net_close(&net);
		return s;
	}
	net.ops->query(net.self, &net.caps);
	s = count_sharers(&net);
	if (s == CT_OK)
		*out = net;
	else
		ct_net_close(&net);
	return s;
}

/* DEVICE (may be NULL) takes the place of the one in SETTINGS while the row opens; all of them are
 * its only reader, and none keeps it. */
static ct_status open_row(const struct ct_net_ops *ops, const struct ct_net_settings *settings,
	const char *device, struct ct_net_env *env, struct ct_net *out)
{
	static const struct ct_option *const lists[] = { ct_net_options, NULL };
	struct ct_net_settings own = { 0 };
	char text[CT_NET_TEXT];
	ct_status s;

	if (device == NULL) {
		env->settings = settings != NULL ? ct_net_settings_of(settings, ops) : NULL;
		return open_env(ops, env, out);
	}
	s = settings != NULL ? CT_OK : ct_options_default(lists, &own);
	s = ct_boot_agree(env->world->boot, s);
	if (s == CT_OK) {
		char *before, **place;

		if (settings != NULL)
			own = *settings;
		place = device_of(&own, ops);
		before = *place;
		snprintf(text, sizeof(text), "%s", device);
		*place = text;
		env->settings = ct_net_settings_of(&own, ops);
		s = open_env(ops, env, out);
		*place = before;
		if (settings == NULL)
			ct_options_free(lists, &own);
	}
	return s;
}

/* The transports to try for NAME, in order, ended by NULL; *DEVICE: see ct_net_parse(). */
static ct_status candidates(const char *name, const struct ct_world *world,
	const struct ct_net_ops **list, const char **device)
{
	ct_status s = ct_net_parse(name, list, device);

	if (s != CT_OK || *list != NULL)
		return s;
	if (world->nranks == 1)
		*list++ = &ct_net_self;
	else if (world->nhosts == 1)
		*list++ = &ct_net_shm;
	if (world->nranks > 1)
		*list++ = &ct_net_tcp;
	return CT_OK;
}

static ct_status wrap(struct ct_net *net, const struct ct_net_wrap *w)
{
	ct_status s = CT_OK;

	if (w != NULL && (w->fault != NULL || w->trace != NULL))
		net->caps.foreign = false; /* wrappers look into messages */
	if (w != NULL && w->fault != NULL)
		s = ct_net_wrap_fault(net, w->fault);
	if (s == CT_OK && w != NULL && w->trace != NULL)
		s = ct_net_wrap_trace(net, w->trace);
	return s;
}

ct_status ct_net_open(const char *name, const struct ct_world *world,
	const struct ct_net_settings *settings, const struct ct_net_wrap *w,
	struct ct_deadline by, struct ct_net *net)
{
	const struct ct_net_ops *list[3] = { NULL };
	struct ct_net opened = { 0 };
	const char *device = NULL;
	ct_status s = ct_boot_agree(world->boot, candidates(name, world, list, &device));

	for (size_t i = 0; s == CT_OK && list[i] != NULL; i++) {
		struct ct_net_env env = { world, NULL, by };
		ct_status tried;

		tried = open_row(list[i], settings, device, &env, &opened);
		if (tried == CT_OK)
			break;
		if (tried != CT_UNSUPPORTED || list[i + 1] == NULL)
			return tried;
		ct_log(CT_LOG_INFO, CT_AREA_NET, "%s cannot run here (%s): trying %s",
			list[i]->name,
			ct_why(), list[i + 1]->name);
	}
	if (s != CT_OK)
		return s;
	s = ct_boot_agree(world->boot, wrap(&opened, w));
	if (s != CT_OK) {
		ct_net_close(&opened);
		return s;
	}
	*net = opened;
	return CT_OK;
}

void ct_net_close(struct ct_net *net)
{
	if (net->ops != NULL && net->self != NULL)
		net->ops->close(net->self);
	ct_free((void *)(uintptr_t)net->ops);
	*net = (struct ct_net){ 0 };
}
