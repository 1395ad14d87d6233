/* SPDX-License-Identifier: BSD-3-Clause */
/* ct_comm: opening and closing, and what can be told about it. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "comm.h"

_Static_assert(offsetof(struct ct_comm_attr, advice) + sizeof(void *) ==
	sizeof(struct ct_comm_attr), "no tail padding");
_Static_assert(offsetof(struct ct_call, peer) + sizeof(uint32_t) == sizeof(struct ct_call),
	"no tail padding");
_Static_assert(offsetof(struct ct_comm_info, note) + sizeof(char *) == sizeof(struct ct_comm_info),
	"no tail padding");

static const uint64_t default_deadline_ns = 60000000000;

void ct_comm_note(struct ct_comm *comm, const char *format, ...)
{
	char line[CT_COMM_NOTE], clean[CT_COMM_NOTE];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	ct_text_clean(clean, sizeof(clean), line);
	if (comm->note[0] == '\0')
		memcpy(comm->note, clean, sizeof(clean));
	if (comm->attr.log != NULL && comm->world.rank == 0)
		comm->attr.log(comm->attr.arg, clean);
}

/* ---- what this rank alone can refuse ---------------------------------------------------------- */

static ct_status take_attr(const struct ct_comm_attr *attr, struct ct_comm_attr *mine)
{
	ct_status status;

	*mine = ct_comm_attr_init(NULL);
	if (attr == NULL)
		return CT_OK;
	status = ct_take_struct(mine, sizeof(*mine), attr, sizeof(*mine), "struct ct_comm_attr");
	if (status == CT_OK && mine->boot != NULL)
		status = ct_boot_check(mine->boot);
	return status;
}

static ct_status copy_text(struct ct_comm *c, size_t i, const char **text)
{
	if (*text == NULL)
		return CT_OK;
	c->texts[i] = ct_strdup(*text);
	*text = c->texts[i];
	return *text != NULL ? CT_OK : CT_NOMEM;
}

/* "native,mpi" */
static ct_status take_backends(struct ct_comm *c)
{
	const char *text = c->attr.backends != NULL ? c->attr.backends : "native";

	while (c->nbackends < CT_COMM_BACKENDS) {
		size_t n = strcspn(text, ",");
		char *name = c->backends[c->nbackends];
		const struct ct_coll_ops *ops;

		if (n == 0 || n >= sizeof(c->backends[0]))
			return ct_fail(CT_INVALID, "ct_comm_attr: backends is \"%.60s\": a list as "
				"\"native,mpi\"", c->attr.backends);
		memcpy(name, text, n);
		if (ct_coll_find(name, NULL, &ops) != CT_OK)
			return CT_INVALID;
		if (strcmp(name, "native") != 0 && strcmp(name, "mpi") != 0)
			return ct_fail(CT_UNSUPPORTED, "ct_comm_attr: backend %s is for measuring only; "
				"native or mpi", name);
		c->nbackends++;
		if (text[n] == '\0')
			return CT_OK;
		text += n + 1;
	}
	return ct_fail(CT_INVALID, "ct_comm_attr: more than %d backends", CT_COMM_BACKENDS);
}

static ct_status fill(struct ct_comm *c, const struct ct_comm_attr *attr)
{
	const struct ct_net_ops *ops;
	const char *device;
	ct_status status;

	c->attr = *attr;
	c->tail = &c->head;
	if (c->attr.net == NULL)
		c->attr.net = "auto";
	if (c->attr.module_dir == NULL)
		c->attr.module_dir = PKGLIBDIR;
	if (c->attr.deadline_ns == 0)
		c->attr.deadline_ns = default_deadline_ns;
	status = copy_text(c, 0, &c->attr.backends);
	if (status == CT_OK)
		status = copy_text(c, 1, &c->attr.net);
	if (status == CT_OK)
		status = copy_text(c, 2, &c->attr.rules);
	if (status == CT_OK)
		status = copy_text(c, 3, &c->attr.module_dir);
	if (status == CT_OK)
		status = take_backends(c);
	if (status == CT_OK)
		status = ct_net_parse(c->attr.net, &ops, &device);
	return status;
}

/* ---- slots -------------------------------------------------------------------------------------- */

static ct_status load_module(struct ct_comm *c, const char *name)
{
	for (size_t i = 0; i < c->nmodules; i++)
		if (strcmp(c->modules[i]->name, name) == 0)
			return CT_OK;
	if (c->nmodules == CT_COMM_MODULES)
		return ct_fail(CT_UNSUPPORTED, "more than %d modules", CT_COMM_MODULES);
	return ct_module_open(c->attr.module_dir, name, &c->modules[c->nmodules++]);
}

/* The module that BACKEND or NET needs, if any. A failed opening leaves no entry. */
static ct_status load_modules(struct ct_comm *c, const char *backend, const char *net)
{
	const struct ct_net_ops *row = NULL;
	const struct ct_coll_ops *ops = NULL;
	const char *device;
	size_t before = c->nmodules;
	ct_status status = ct_coll_find(backend, NULL, &ops);

	if (status == CT_OK && ops->missing != NULL)
		status = load_module(c, backend);
	if (status == CT_OK && net[0] != '\0')
		status = ct_net_parse(net, &row, &device);
	if (status == CT_OK && row != NULL && row->missing != NULL)
		status = load_module(c, row->name);
	if (status != CT_OK)
		c->nmodules = before;
	c->modules[c->nmodules] = NULL;
	return status;
}

static bool registers_memory(const struct ct_world *world, const char *net)
{
	const struct ct_net_ops *row = NULL;

	return net[0] != '\0' && ct_net_find(net, &row) == CT_OK &&
		ct_net_here(world, row)->reg != NULL;
}

static void close_slot(struct ct_slot_of_comm *s)
{
	if (s->idle != NULL)
		s->lib.ops->release(s->lib.self, s->idle);
	ct_coll_close(&s->lib);
}

/* A rank inside a blocking call answers nobody; a transport that needs its answers would wait for ever. */
static ct_status check_mixture(const struct ct_comm *c, const struct ct_slot_of_comm *s)
{
	for (uint32_t i = 0; i < c->nslots; i++) {
		const struct ct_slot_of_comm *other = &c->slots[i];

		if ((s->blocks && other->caps->net.needs_polls) ||
			(other->blocks && s->caps->net.needs_polls))
			return ct_fail(CT_UNSUPPORTED, "%s, whose calls block, and transport %s, which "
				"must be polled, cannot share a communicator",
				s->blocks ? s->backend : other->backend,
				s->blocks ? other->caps->net_name : s->caps->net_name);
	}
	return CT_OK;
}

static ct_status make_ready(const struct ct_comm *c, struct ct_slot_of_comm *s)
{
	struct ct_coll_desc nothing = { .coll = CT_BARRIER, .type = CT_FLOAT };
	ct_status status = check_mixture(c, s);

	if (status == CT_OK && (s->blocks || s->caps->net.needs_polls))
		status = s->lib.ops->prepare(s->lib.self, &nothing, &s->idle);
	return status;
}

ct_status ct_comm_slot(struct ct_comm *c, const char *backend, const char *net, uint32_t *slot)
{
	struct ct_slot_of_comm *s;
	struct ct_coll_env env = { .world = &c->world, .net = net,
		.open_by = ct_deadline_in(c->attr.deadline_ns) };
	ct_status status;

	for (uint32_t i = 0; i < c->nslots; i++) {
		s = &c->slots[i];
		/* what "auto" came to counts too */
		if (strcmp(s->backend, backend) == 0 && (strcmp(s->net, net) == 0 ||
			(net[0] != '\0' && strcmp(s->caps->net_name, net) == 0))) {
			*slot = i;
			return CT_OK;
		}
	}
	if (c->nslots == CT_COMM_SLOTS) /* the same on every rank */
		return ct_fail(CT_UNSUPPORTED, "more than %d backends and transports", CT_COMM_SLOTS);
	status = ct_boot_agree(c->world.boot, load_modules(c, backend, net));
	if (status != CT_OK)
		return status;
	s = &c->slots[c->nslots];
	*s = (struct ct_slot_of_comm){ .registers = false };
	status = ct_coll_open(backend, c->modules, &env, &s->lib);
	if (status != CT_OK)
		return status;
	snprintf(s->backend, sizeof(s->backend), "%s", backend);
	snprintf(s->net, sizeof(s->net), "%s", net);
	s->caps = s->lib.ops->query(s->lib.self);
	s->blocks = !s->caps->abandons;
	s->registers = registers_memory(&c->world, s->caps->net_name);
	status = ct_boot_agree(c->world.boot, make_ready(c, s));
	if (status != CT_OK) {
		close_slot(s);
		return status;
	}
	*slot = c->nslots++;
	return CT_OK;
}

/* The first backend that is there, in the order asked for; native always, as the one in whose order
 * reductions can be, and the one that needs nothing. */
static ct_status open_backends(struct ct_comm *c)
{
	size_t n = 0;
	ct_status status;
	uint32_t slot;

	for (size_t i = 0; i < c->nbackends; i++) {
		bool own = strcmp(c->backends[i], "native") == 0;

		status = ct_comm_slot(c, c->backends[i], own ? c->attr.net : "", &slot);
		if (status == CT_OK) {
			memmove(c->backends[n++], c->backends[i], sizeof(c->backends[0]));
			continue;
		}
		if (own || (status != CT_UNSUPPORTED && status != CT_NOTFOUND && status != CT_INVALID))
			return status;
		ct_comm_note(c, "backend %s is not used: %s", c->backends[i], ct_why());
	}
	c->nbackends = n;
	return ct_comm_slot(c, "native", c->attr.net, &c->native);
}

static ct_status open_messages(struct ct_comm *c)
{
	/* What came of "auto": both then go the same way. */
	const struct ct_slot_of_comm *s = &c->slots[c->native];
	const char *net = strcmp(c->attr.net, "auto") == 0 ? s->caps->net_name : c->attr.net;

	return ct_net_open(net, &c->world, NULL, NULL, ct_deadline_in(c->attr.deadline_ns),
		&c->messages);
}

static ct_status open_all(struct ct_comm *c)
{
	ct_status status = ct_comm_rules_load(c);

	if (status == CT_OK)
		status = open_backends(c);
	if (status == CT_OK)
		status = open_messages(c);
	if (status == CT_OK)
		status = ct_comm_rules_bind(c);
	if (status == CT_OK)
		snprintf(c->path, sizeof(c->path), "%s", c->slots[c->native].caps->net.path);
	return status;
}

static void free_all(struct ct_comm *c)
{
	ct_comm_drop(c);
	ct_comm_forget(c);
	ct_net_close(&c->messages);
	while (c->nslots > 0)
		close_slot(&c->slots[--c->nslots]);
	ct_comm_drop_lost(c);
	ct_rules_free(c->rules);
	ct_free(c->bound);
	ct_world_free(&c->world);
	for (size_t i = 0; i < sizeof(c->texts) / sizeof(c->texts[0]); i++)
		ct_free(c->texts[i]);
	ct_free(c);
}

ct_status ct_comm_open(const struct ct_comm_attr *attr, ct_comm **comm)
{
	struct ct_comm_attr mine;
	struct ct_comm *c;
	ct_status status;

	if (comm == NULL)
		return ct_fail(CT_INVALID, "ct_comm_open: no place for the communicator");
	status = take_attr(attr, &mine);
	if (status != CT_OK)
		return status; /* without a whole bootstrap nobody can be told */
	if (mine.boot == NULL)
		mine.boot = ct_boot_single();
	c = ct_alloc(1, sizeof(*c));
	status = ct_boot_agree(mine.boot, c == NULL ? CT_NOMEM : fill(c, &mine));
	if (status == CT_OK)
		status = ct_world_make(mine.boot, &c->world);
	if (status == CT_OK) {
		c->world.modules = c->modules;
		status = open_all(c);
	}
	if (status != CT_OK) {
		if (c != NULL)
			free_all(c);
		return status;
	}
	*comm = c;
	return CT_OK;
}

/* Whoever has left a blocking library may still owe another rank a word that only its next call would
 * give, and the bootstrap may not be of that library. The row leaves it together with the others when it
 * is asked for a span (coll/mpi.c). */
static void settle(struct ct_comm *c)
{
	uint64_t ns;

	for (uint32_t i = 0; i < c->nslots; i++)
		if (c->slots[i].blocks)
			(void)c->slots[i].lib.ops->span(c->slots[i].lib.self, 0, 0, &ns);
}

void ct_comm_close(ct_comm *c)
{
	if (c == NULL)
		return;
	/* Nobody closes while another still needs it; after an error nobody can be waited for. */
	if (c->failed == CT_OK && c->head == NULL && c->flying == NULL) {
		settle(c);
		(void)ct_boot_agree(c->world.boot, CT_OK);
	}
	free_all(c);
}

/* ---- what can be told --------------------------------------------------------------------------- */

ct_status ct_comm_about(const ct_comm *c, struct ct_comm_info *info)
{
	struct ct_comm_info mine = { .size = sizeof(mine) };
	size_t room;

	if (c == NULL || info == NULL || info->size < sizeof(info->size))
		return ct_fail(CT_INVALID, "ct_comm_about: no communicator, or no size in info");
	room = info->size;
	mine.size = room;
	mine.rank = c->world.rank;
	mine.nranks = c->world.nranks;
	mine.rules = c->nbound;
	mine.rules_left = c->nleft;
	mine.prepared = c->prepared;
	mine.reused = c->reused;
	mine.hash = c->rules != NULL ? ct_rules_hash(c->rules) : "";
	mine.path = c->path;
	mine.note = c->note;
	memcpy(info, &mine, room < sizeof(mine) ? room : sizeof(mine));
	if (room > sizeof(mine)) /* a newer caller's fields that we do not know */
		memset((char *)info + sizeof(mine), 0, room - sizeof(mine));
	return CT_OK;
}

static const struct ct_coll_algo *find_algo(const struct ct_coll_caps *caps, ct_coll coll,
	const char *name)
{
	for (size_t i = 0; name != NULL && i < caps->nalgos; i++)
		if (caps->algos[i].coll == coll && strcmp(caps->algos[i].name, name) == 0)
			return &caps->algos[i];
	return NULL;
}

static void say_setting(const struct ct_comm *c, ct_coll coll, const struct ct_comm_way *s,
	struct ct_buf *out)
{
	const struct ct_slot_of_comm *slot = &c->slots[s->slot];
	const struct ct_coll_algo *algo = find_algo(slot->caps, coll, s->algo);

	ct_buf_add(out, "%s%s%s %s", slot->backend, slot->caps->net_name[0] != '\0' ? "/" : "",
		slot->caps->net_name, s->algo != NULL ? s->algo : "default");
	for (size_t i = 0; algo != NULL && i < algo->nknobs; i++)
		ct_buf_add(out, " %s=%lld", algo->knobs[i].name, (long long)s->knob[i]);
	if (s->rule >= 0)
		ct_buf_add(out, ", rule %lld", (long long)s->rule);
}

ct_status ct_comm_choice(const ct_comm *c, const struct ct_call *call, char *out, size_t room)
{
	struct ct_buf text = ct_buf_make(1 << 10);
	struct ct_call_key key;
	struct ct_comm_way setting;
	ct_status status;

	if (c == NULL || call == NULL || out == NULL || room == 0)
		return ct_fail(CT_INVALID, "ct_comm_choice: no communicator, call or room");
	status = ct_comm_check(c, call, &key);
	if (status != CT_OK)
		return status;
	if (call->coll == CT_SEND || call->coll == CT_RECV) {
		snprintf(out, room, "messages over %s", c->messages.ops->name);
		return CT_OK;
	}
	ct_comm_choose(c, &key, &setting);
	say_setting(c, (ct_coll)key.coll, &setting, &text);
	status = ct_buf_status(&text);
	if (status == CT_OK)
		snprintf(out, room, "%s", text.text);
	ct_buf_free(&text);
	return status;
}
