/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to coll: runs one rank's schedule over a transport. Everything is prepared once; a start
 * allocates nothing. One thread at a time; only ct_exec_waiting() may be called from another. */
#ifndef CT_COLL_EXECUTE_H
#define CT_COLL_EXECUTE_H

#include "net/net.h"
#include "schedule.h"

struct ct_exec;

struct ct_exec_plan {
	const struct ct_schedule *schedule; /* not needed after ct_exec_make() */
	struct ct_net *net;                 /* borrowed until ct_exec_free() */
	ct_type type;
	ct_op op;
	void *in, *out; /* the caller's windows; in place they share memory as schedule.h tells */
	const struct ct_mem *in_mem, *out_mem; /* where they lie; NULL = memory of the host */
};

/* CT_NOMEM; CT_CORRUPT for a schedule that is none. Allocates the schedule's TMP. */
ct_status ct_exec_make(const struct ct_exec_plan *plan, struct ct_exec **exec);

/* Not while messages are under way: see ct_exec_idle(). NULL is accepted. */
void ct_exec_free(struct ct_exec *exec);

/* Starts over: posts what is ready. CT_OK; an error of the transport. */
ct_status ct_exec_start(struct ct_exec *exec);

/* Moves on as far as it can without waiting: CT_OK (complete), CT_BUSY, or an error, which stays
 * until the next start. */
ct_status ct_exec_test(struct ct_exec *exec);

/* Does no message of ours lie with the transport? */
bool ct_exec_idle(const struct ct_exec *exec);

/* "recv 2 of 6 from rank 3": the oldest pending message, receives first. */
void ct_exec_waiting(const struct ct_exec *exec, char *out, size_t room);

#endif
