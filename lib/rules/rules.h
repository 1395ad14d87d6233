/* SPDX-License-Identifier: BSD-3-Clause */
/* Door of rules: the look-up that jobs, plugins and the tuner share. A rules file says which
 * settings were measured fastest on one kind of machine, per operation, backend, type and size. */
#ifndef CT_RULES_H
#define CT_RULES_H

#include "base/base.h"

#define CT_RULES_LIMIT ((size_t)16 << 20) /* bytes of a rules file */
#define CT_RULES_ANY_TYPE CT_NTYPES       /* "type": "any" */

/* One setting of a backend: a word, a number, or true and false (as "true" and "false"). */
struct ct_rule_set {
	const char *name;
	const char *text; /* NULL: it is a number */
	int64_t number;
};

/* What one of the searches that a rule was joined from found of it. */
struct ct_rule_gain {
	uint64_t ranks_low, ranks_high; /* ranks per node, inclusive */
	double ratio, low, high;        /* as gain of the rule */
};

enum { CT_RULE_GAINS = 2 };

struct ct_rule {
	ct_coll coll;
	int32_t type;         /* ct_type or CT_RULES_ANY_TYPE */
	const char *backend;  /* "native", "nccl", … */
	uint64_t low, high;   /* bytes (nccl-tests' size column), both inclusive */
	const struct ct_rule_set *set;
	uint32_t nset;
	uint32_t index;       /* its place in the file, for messages: /rules/INDEX */
	double gain;          /* time by default / time by this rule; 0 = not stated */
	double gain_low, gain_high; /* 95 % interval */
	int64_t fresh;        /* samples that the gain rests on, which the choice had not seen; 0 = the search's
	                         own samples only, -1 = not stated */
	struct ct_rule_gain gains[CT_RULE_GAINS]; /* of a joined rule, whose gain is the lesser one */
	uint32_t ngains;      /* 0 = not stated, else all of them */
};

struct ct_rules_lib {
	const char *name, *version; /* "nccl", "2.28": compared on major.minor */
};

/* Where the rules were measured. */
struct ct_rules_scope {
	const char *machine; /* "sha256:…", compare with ct_machine_hash() */
	const char *fingerprint; /* "sha256:…", compare with ct_rules_fingerprint(); NULL = not told */
	uint64_t nodes_low, nodes_high, ranks_low, ranks_high; /* ranks per node; inclusive */
	const uint64_t *searched; /* ranks per node that were measured, ascending; NULL = not stated */
	size_t nsearched;
	const char *overlap; /* what worked beside the search: "memory", "compute"; NULL = nothing */
	bool emulated;       /* on a stand-in: nothing measured there is so of a machine */
	const struct ct_rules_lib *libs;
	size_t nlibs;
};

/* A constant of a library's cost model that was fitted here, by its path of words. */
struct ct_rules_constant {
	const char *backend, *name; /* "nccl", "hop_us.net.ring.simple" */
	double value;               /* 0 … 1e6, in the unit that the name tells */
};

struct ct_rules;

/* Reads and checks a rules file: regular, not a link, not writable for everybody, at most
 * CT_RULES_LIMIT bytes. *RULES is freed with ct_rules_free(). CT_IO (cannot open, not a regular
 * file, link), CT_INVALID (mode, size, syntax, schema, unknown key, range: file, JSON pointer,
 * nearest name), CT_NOMEM. Nothing is half-applied. Any thread. */
ct_status ct_rules_load(const char *path, struct ct_rules **rules);

/* Only the file's bytes, checked as a file but not read as rules; *TEXT ends in NUL and is freed with
 * ct_free(). Errors as above, but for syntax and what follows. */
ct_status ct_rules_read(const char *path, char **text, size_t *bytes);

/* The same from text in memory; NAME stands for the file in messages. */
ct_status ct_rules_parse(const char *text, size_t bytes, const char *name,
	struct ct_rules **rules);

/* The rule for BYTES of COLL by BACKEND on elements of TYPE, or NULL: no opinion. A rule for the
 * type itself comes before one for any type. Bisection: no allocation, no lock, no log, no reason
 * for ct_why(). Any number of threads. The rule lives as long as RULES; RULES NULL gives NULL. */
const struct ct_rule *ct_rules_pick(const struct ct_rules *rules, ct_coll coll,
	const char *backend, ct_type type, uint64_t bytes);

/* What was measured beside the choice for BYTES of KEY's operation, backend and type, *N settings, each with
 * its gain over the default; NULL where nothing is told. They live as long as RULES. Any thread. */
const struct ct_rule *ct_rules_measured(const struct ct_rules *rules, const struct ct_rule *key, uint64_t bytes,
	size_t *n);

/* All of these, *N of them, in the order of ct_rule_order(). */
const struct ct_rule *ct_rules_all_measured(const struct ct_rules *rules, size_t *n);

/* Order of two rules by operation, backend, type, low: <0, 0, >0, as qsort() wants it; the second without
 * low: 0 = one key. */
int ct_rule_order(const void *a, const void *b);
int ct_rule_key_order(const struct ct_rule *a, const struct ct_rule *b);

/* The setting NAME of RULE, or NULL. Any thread. */
const struct ct_rule_set *ct_rule_setting(const struct ct_rule *rule, const char *name);

/* Where the rules hold; never NULL, lives as long as RULES. The caller compares. Any thread. */
const struct ct_rules_scope *ct_rules_scope(const struct ct_rules *rules);

/* The fitted constants, *N of them; they live as long as RULES. Any thread. */
const struct ct_rules_constant *ct_rules_constants(const struct ct_rules *rules, size_t *n);

/* "sha256:…" of the file's bytes, to tell rules files apart; lives as long as RULES. Any thread. */
const char *ct_rules_hash(const struct ct_rules *rules);

/* What a process can cheaply tell of its machine without hwloc: SHA-256 over the processor's model
 * and the sorted PCI vendor:device pairs of network, display and accelerator functions (PCI classes
 * 02, 03, 12; no virtual functions), read below ROOT ("" = this machine). For those that live in
 * other people's processes. CT_IO: there is no ROOT/proc/cpuinfo; CT_NOMEM. Any thread. */
ct_status ct_rules_fingerprint(const char *root, char out[CT_SHA256_TEXT]);

/* Number of rules, and rule I in order of operation, backend, type, size; NULL out of range. */
size_t ct_rules_count(const struct ct_rules *rules);
const struct ct_rule *ct_rules_at(const struct ct_rules *rules, size_t i);

/* NULL is accepted. */
void ct_rules_free(struct ct_rules *rules);

#endif
