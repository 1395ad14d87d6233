/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to api: what the files of ct_comm share. */
#ifndef CT_API_COMM_H
#define CT_API_COMM_H

#include "api.h"
#include "coll/coll.h"
#include "net/net.h"
#include "rules/rules.h"

enum { CT_COMM_SLOTS = 8, CT_COMM_BACKENDS = 4, CT_COMM_MODULES = 4, CT_COMM_NOTE = 400,
	CT_COMM_BUCKETS = 128 };

/* A backend, open over a transport. */
struct ct_slot_of_comm {
	char backend[24], net[CT_NET_TEXT]; /* net: "" but for native */
	struct ct_coll_lib lib;
	const struct ct_coll_caps *caps;
	bool registers; /* its transport registers memory: nothing may outlive the caller's buffers */
	bool blocks;    /* a library whose calls block and that progresses only inside of them */
	void *idle;     /* a request that is never started: to test it is to help the others */
};

/* How one operation is run. */
struct ct_comm_way {
	uint32_t slot;
	const char *algo; /* NULL = the backend's default */
	int64_t knob[CT_MAX_KNOBS];
	int64_t rule;     /* its place in the file; -1 = none */
};

/* What decides about a prepared operation; no padding, compared as bytes. */
struct ct_call_key {
	const void *send;
	void *recv;
	uint64_t count;
	int32_t coll, type, op;
	uint32_t root;
};

/* An operation that a backend has prepared. */
struct ct_prepared {
	struct ct_call_key key;
	struct ct_prepared *next; /* in its bucket */
	struct ct_comm_way setting;
	void *req;
	uint64_t bytes; /* about what it keeps */
	uint64_t used;  /* when last, in calls */
	uint32_t users; /* requests that have it */
};

/* Something started. Collectives: a list, of which the first one runs. Messages: a list of their own,
 * all under way. */
struct ct_request {
	struct ct_comm *comm;
	struct ct_request *next;
	struct ct_prepared *op; /* NULL: a message */
	struct ct_net_req message;
	bool running;
	ct_status status;            /* CT_BUSY until it has ended */
	char *why;                   /* of its error; borrowed from the communicator */
	struct ct_deadline by;       /* at_ns 0 = nobody has waited for it yet */
};

struct ct_comm {
	struct ct_comm_attr attr; /* its texts are copies */
	char *texts[4];
	struct ct_world world;
	const struct ct_module *modules[CT_COMM_MODULES + 1]; /* NULL-ended */
	size_t nmodules;
	char backends[CT_COMM_BACKENDS][24];
	size_t nbackends;
	struct ct_slot_of_comm slots[CT_COMM_SLOTS];
	uint32_t nslots, native; /* native: the slot of reductions in rank order */
	struct ct_net messages;

	struct ct_rules *rules;
	struct ct_comm_way *bound; /* by place in the file; slot UINT32_MAX: not usable */
	uint64_t nbound, nleft;
	char note[CT_COMM_NOTE], path[192];

	struct ct_prepared *bucket[CT_COMM_BUCKETS];
	uint64_t nprepared, prepared_bytes, calls, prepared, reused;

	struct ct_request *head, **tail;  /* collectives */
	struct ct_request *flying;        /* messages */
	struct ct_request *spare;         /* to be used again */
	struct ct_request *lost;          /* given up: the transport may still hold them */
	ct_status failed;                 /* the first error of an operation; then nothing starts */
	char why[CT_COMM_NOTE];
};

/* comm_rules.c */

/* Collective: reads the rules file on every rank, compares, checks where it holds. CT_OK also when it
 * is not used (comm->note says why) unless strict; then CT_INVALID. */
ct_status ct_comm_rules_load(struct ct_comm *comm);

/* Opens the transports and backends that the rules name and binds each rule to one. Collective. */
ct_status ct_comm_rules_bind(struct ct_comm *comm);

/* What runs an operation; pure, and the same on every rank. */
void ct_comm_choose(const struct ct_comm *comm, const struct ct_call_key *key,
	struct ct_comm_way *setting);

/* comm.c */

/* Collective: a slot for BACKEND over NET, found or opened. CT_UNSUPPORTED, and others of opening. */
ct_status ct_comm_slot(struct ct_comm *comm, const char *backend, const char *net, uint32_t *slot);

/* Something is not as asked for: keeps the first such line, tells each on rank 0. */
void ct_comm_note(struct ct_comm *comm, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* comm_cache.c */

/* The prepared operation of KEY, set up if need be, with one user more. */
ct_status ct_comm_prepare(struct ct_comm *comm, const struct ct_call_key *key,
	struct ct_prepared **op);

/* One user less. KEEP: it may serve again. */
void ct_comm_done(struct ct_comm *comm, struct ct_prepared *op, bool keep);

/* Releases all. */
void ct_comm_forget(struct ct_comm *comm);

/* Bytes of an operation in nccl-tests' size column. */
uint64_t ct_key_bytes(const struct ct_comm *comm, const struct ct_call_key *key);
bool ct_key_in_place(const struct ct_comm *comm, const struct ct_call_key *key);

/* comm_call.c */

/* Gives up what is under way, before the backends close; and afterwards, what they held. */
void ct_comm_drop(struct ct_comm *comm);
void ct_comm_drop_lost(struct ct_comm *comm);

/* CT_INVALID unless CALL is one that COMM can take. *KEY (but for messages) is what it means. */
ct_status ct_comm_check(const struct ct_comm *comm, const struct ct_call *call,
	struct ct_call_key *key);

#endif
