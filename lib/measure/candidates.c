/* SPDX-License-Identifier: BSD-3-Clause */
/* From words to the list of what is to be compared. */
#include <stdio.h>
#include <string.h>

#include "inside.h"

enum { MOST_CANDIDATES = 1024, MOST_WORDS = 64, WORD = 128 };

bool ct_candidate_same(const struct ct_candidate *a, const struct ct_candidate *b)
{
	if (strcmp(a->backend, b->backend) != 0 || strcmp(a->net, b->net) != 0 ||
		strcmp(a->algo, b->algo) != 0 || a->nknobs != b->nknobs ||
		strcmp(a->memory, b->memory) != 0)
		return false;
	for (uint32_t i = 0; i < a->nknobs && i < CT_MAX_KNOBS; i++)
		if (a->knob[i] != b->knob[i] || strcmp(a->knob_name[i], b->knob_name[i]) != 0)
			return false;
	return true;
}

const char *ct_candidate_text(const struct ct_candidate *c, char out[96])
{
	char text[sizeof(*c)];
	size_t used;

	snprintf(text, sizeof(text), "%s%s%s %s", c->backend, c->net[0] != '\0' ? "/" : "", c->net,
		c->algo[0] != '\0' ? c->algo : "default");
	for (uint32_t i = 0; i < c->nknobs && i < CT_MAX_KNOBS; i++) {
		used = strlen(text);
		snprintf(text + used, sizeof(text) - used, " %s=%lld", c->knob_name[i],
			(long long)c->knob[i]);
	}
	used = strlen(text);
	if (c->memory[0] != '\0')
		snprintf(text + used, sizeof(text) - used, ", memory %s", c->memory);
	ct_text_clean(out, 96, text);
	return out;
}

/* ---- words ---------------------------------------------------------------------------------- */

struct words {
	char word[MOST_WORDS][WORD];
	size_t n;
};

/* TEXT at SEPARATOR; an empty word is an error. */
static ct_status split(const char *text, char separator, const char *what, struct words *out)
{
	const char *end;

	out->n = 0;
	for (;; text = end + 1) {
		size_t length;

		end = strchr(text, separator);
		length = end == NULL ? strlen(text) : (size_t)(end - text);
		if (length == 0 || length >= WORD)
			return ct_fail(CT_INVALID, "%s: %s", what,
				length == 0 ? "an empty name in the list" : "a name is too long");
		if (out->n == MOST_WORDS)
			return ct_fail(CT_INVALID, "%s: more than %d names", what, (int)MOST_WORDS);
		memcpy(out->word[out->n], text, length);
		out->word[out->n++][length] = '\0';
		if (end == NULL)
			return CT_OK;
	}
}

/* ---- the list under construction ------------------------------------------------------------ */

struct making {
	struct ct_session *session;
	ct_coll coll;
	struct words backends, nets, algos; /* no nets: the backend's own; no algos: default */
	bool all, met[MOST_WORDS];          /* which of algos some backend knows */
	const char *names[MOST_WORDS + 1]; /* algorithms seen, NULL-ended, for hints */
	char name_text[MOST_WORDS][40];
	size_t nnames;
	struct ct_candidate *list;
	size_t n;
};

static ct_status append(struct making *m, const struct ct_candidate *c)
{
	struct ct_candidate *list;

	for (size_t i = 0; i < m->n; i++)
		if (ct_candidate_same(&m->list[i], c))
			return CT_OK; /* named twice */
	if (m->n == MOST_CANDIDATES)
		return ct_fail(CT_INVALID, "more than %d candidates", (int)MOST_CANDIDATES);
	list = ct_realloc(m->list, m->n + 1, sizeof(*list));
	if (list == NULL)
		return CT_NOMEM;
	m->list = list;
	m->list[m->n++] = *c;
	return CT_OK;
}

/* Sets the knob that TEXT ("segment=65536") names. */
static ct_status set_knob(const struct ct_coll_algo *algo, const char *text,
	struct ct_candidate *c)
{
	const char *equal = strchr(text, '='), *names[CT_MAX_KNOBS + 1] = { NULL };
	char name[WORD], hint[256];
	uint64_t value = 0;
	size_t i;

	snprintf(name, sizeof(name), "%.*s", equal == NULL ? WORD - 1 : (int)(equal - text), text);
	for (i = 0; i < algo->nknobs && i < CT_MAX_KNOBS; i++)
		names[i] = algo->knobs[i].name;
	for (i = 0; names[i] != NULL && strcmp(names[i], name) != 0; i++)
		;
	if (names[i] == NULL)
		return ct_fail(CT_INVALID, "algorithm %s has no knob \"%s\"%s", algo->name, name,
			names[0] == NULL ? ", nor any other" : ct_name_hint(name, names, hint));
	if (equal == NULL)
		return ct_fail(CT_INVALID, "knob %s of %s needs a value: %s=VALUE", name,
			algo->name, name);
	if (ct_size_parse(equal + 1, &value) != CT_OK)
		return ct_fail(CT_INVALID, "knob %s of %s: \"%s\" is not a number", name,
			algo->name, equal + 1);
	for (size_t k = 0; k < algo->knobs[i].nvalues; k++) {
		if (algo->knobs[i].values[k] == (int64_t)value) {
			c->knob[i] = (int64_t)value;
			return CT_OK;
		}
	}
	return ct_fail(CT_INVALID, "knob %s of %s cannot be %s: see \"colltune list\"", name,
		algo->name, equal + 1);
}

/* WORDS: the algorithm's name and its knobs. Without knobs the candidate names none. */
static ct_status set_knobs(const struct ct_coll_algo *algo, const struct words *words,
	struct ct_candidate *c)
{
	ct_status status = CT_OK;

	if (words->n <= 1)
		return CT_OK;
	for (size_t i = 0; i < algo->nknobs && i < CT_MAX_KNOBS; i++) {
		c->knob[i] = algo->knobs[i].values[0];
		snprintf(c->knob_name[i], sizeof(c->knob_name[i]), "%s", algo->knobs[i].name);
		c->nknobs = (uint32_t)i + 1;
	}
	for (size_t i = 1; i < words->n && status == CT_OK; i++)
		status = set_knob(algo, words->word[i], c);
	return status;
}

static void note_name(struct making *m, const char *name)
{
	for (size_t i = 0; i < m->nnames; i++)
		if (strcmp(m->names[i], name) == 0)
			return;
	if (m->nnames == MOST_WORDS)
		return;
	snprintf(m->name_text[m->nnames], sizeof(m->name_text[0]), "%s", name);
	m->names[m->nnames] = m->name_text[m->nnames];
	m->nnames++;
}

/* BASE with each wanted algorithm that CAPS has for the collective. */
static ct_status add_algos(struct making *m, const struct ct_coll_caps *caps,
	const struct ct_candidate *base)
{
	for (size_t a = 0; a < caps->nalgos; a++) {
		const struct ct_coll_algo *algo = &caps->algos[a];
		struct ct_candidate c = *base;
		ct_status status = CT_OK;

		if (algo->coll != m->coll)
			continue;
		note_name(m, algo->name);
		snprintf(c.algo, sizeof(c.algo), "%s", algo->name);
		if (m->all)
			status = append(m, &c);
		for (size_t i = 0; !m->all && i < m->algos.n && status == CT_OK; i++) {
			struct words parts;

			c = *base;
			snprintf(c.algo, sizeof(c.algo), "%s", algo->name);
			status = split(m->algos.word[i], ':', "algorithms", &parts);
			if (status != CT_OK || strcmp(parts.word[0], algo->name) != 0)
				continue;
			m->met[i] = true;
			status = set_knobs(algo, &parts, &c);
			if (status == CT_OK)
				status = append(m, &c);
		}
		if (status != CT_OK)
			return status;
	}
	return CT_OK;
}

/* Opens BACKEND over NET to ask for its algorithms. */
static ct_status ask(struct making *m, const struct ct_candidate *base)
{
	const struct ct_session_attr *attr = &m->session->attr;
	struct ct_coll_env env = {
		.world = attr->world, .net = base->net[0] != '\0' ? base->net : "auto",
		.settings = attr->coll_settings, .net_settings = attr->net_settings,
		.replay = attr->replay,
		.open_by = ct_session_open_by(m->session),
	};
	struct ct_coll_lib lib = { 0 };
	ct_status status;

	ct_session_phase(m->session, "asking %s for its algorithms", base->backend);
	status = ct_session_agree(m->session,
		ct_coll_open(base->backend, attr->modules, &env, &lib));
	if (status == CT_OK)
		status = ct_session_agree(m->session,
			add_algos(m, lib.ops->query(lib.self), base));
	if (lib.ops != NULL)
		ct_coll_close(&lib);
	return status;
}

/* Is ROW a backend over our own transports? Then NETS are for it. */
static bool takes_nets(const char *backend)
{
	return strcmp(backend, "native") == 0;
}

static ct_status add_backend(struct making *m, const char *backend)
{
	size_t nets = takes_nets(backend) && m->nets.n > 0 ? m->nets.n : 1;
	ct_status status = CT_OK;

	for (size_t i = 0; i < nets && status == CT_OK; i++) {
		struct ct_candidate c = { .nknobs = 0 };

		snprintf(c.backend, sizeof(c.backend), "%s", backend);
		if (takes_nets(backend) && m->nets.n > 0)
			snprintf(c.net, sizeof(c.net), "%s", m->nets.word[i]);
		if (m->all || m->algos.n > 0)
			status = ask(m, &c);
		else
			status = ct_session_agree(m->session, append(m, &c));
	}
	return status;
}

static ct_status check_backends(const struct making *m)
{
	ct_status status = CT_OK;

	for (size_t i = 0; i < m->backends.n && status == CT_OK; i++) {
		const struct ct_coll_ops *ops = NULL;

		status = ct_coll_find(m->backends.word[i], m->session->attr.modules, &ops);
		if (status == CT_OK && ops->missing != NULL)
			status = ct_fail(CT_UNSUPPORTED, "backend %s: %s", m->backends.word[i],
				ops->missing);
		else if (status == CT_OK && ops->probe != NULL)
			status = ops->probe(m->session->attr.coll_settings);
	}
	return status;
}

static ct_status check_nets(const struct making *m)
{
	ct_status status = CT_OK;

	for (size_t i = 0; i < m->nets.n && status == CT_OK; i++) {
		const struct ct_net_ops *ops;
		const char *device;

		status = ct_net_parse(m->nets.word[i], &ops, &device);
	}
	return status;
}

static bool given(const char *text)
{
	return text != NULL && text[0] != '\0';
}

/* Everything that can be refused without opening anything. */
static ct_status read_words(struct making *m, const char *backends, const char *nets,
	const char *algos)
{
	ct_status status = split(backends, ',', "backends", &m->backends);

	if (status == CT_OK)
		status = check_backends(m);
	if (status == CT_OK && given(nets))
		status = split(nets, ',', "transports", &m->nets);
	if (status == CT_OK)
		status = check_nets(m);
	m->all = algos != NULL && strcmp(algos, "all") == 0;
	if (status == CT_OK && !m->all && given(algos))
		status = split(algos, ',', "algorithms", &m->algos);
	return status;
}

static ct_status check_met(const struct making *m)
{
	for (size_t i = 0; i < m->algos.n; i++) {
		char hint[256];

		if (!m->met[i])
			return ct_fail(CT_INVALID, "no algorithm \"%s\" for %s%s", m->algos.word[i],
				ct_coll_name(m->coll),
				ct_name_hint(m->algos.word[i], m->names, hint));
	}
	if (m->n == 0)
		return ct_fail(CT_UNSUPPORTED, "no algorithm for %s", ct_coll_name(m->coll));
	return CT_OK;
}

ct_status ct_candidates_parse(struct ct_session *session, const char *backends, const char *nets,
	const char *algos, ct_coll coll, struct ct_candidate **list, size_t *count)
{
	struct making *m = ct_alloc(1, sizeof(*m));
	ct_status status = CT_NOMEM;

	ct_session_phase(session, "choosing candidates");
	if (m != NULL) {
		m->session = session;
		m->coll = coll;
		status = read_words(m, backends, nets, algos);
	}
	status = ct_session_agree(session, status);
	for (size_t i = 0; status == CT_OK && i < m->backends.n; i++)
		status = add_backend(m, m->backends.word[i]);
	if (status == CT_OK)
		status = check_met(m); /* the same on every rank */
	ct_session_idle(session);
	if (status == CT_OK) {
		*list = m->list;
		*count = m->n;
		m->list = NULL;
	}
	if (m != NULL)
		ct_free(m->list);
	ct_free(m);
	return status;
}
