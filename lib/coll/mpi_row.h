/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to the backend row "mpi". */
#ifndef CT_COLL_MPI_ROW_H
#define CT_COLL_MPI_ROW_H

#include <mpi.h>
#include <stdatomic.h>

#include "mpi_rules.h"

enum { CT_MPI_ALGOS = 96, CT_MPI_NAME = 40 };

/* A duplicate of the row's communicator on which an algorithm is forced. */
struct ct_mpi_forced {
	size_t algo;
	int64_t knob[CT_MAX_KNOBS]; /* those that the algorithm has; the others are 0 */
	MPI_Comm comm;
};

/* One open row. */
struct ct_mpi_row {
	MPI_Comm comm;
	uint32_t rank, nranks;
	struct ct_coll_caps caps;
	struct ct_coll_algo algos[CT_MPI_ALGOS];
	char names[CT_MPI_ALGOS][CT_MPI_NAME];
	int ids[CT_MPI_ALGOS]; /* the library's number of an algorithm; 0 = its own choice */
	uint64_t marks[CT_MARKS];
	struct ct_mpi_forced *forced; /* nforced of them, kept until close */
	size_t nforced;
	bool tested;          /* since the last start */
	bool unsettled;       /* a start since the last settling */
	atomic_bool settling; /* read by the watchdog's thread */
};

/* One prepared operation. */
struct ct_mpi_req {
	int (*call)(struct ct_mpi_req *req); /* blocks; returns MPI's code */
	const char *name;                    /* "MPI_Allreduce", for messages */
	MPI_Comm comm; /* the row's */
	const void *send;
	void *recv;
	int count, root, rank;
	MPI_Datatype type;
	MPI_Op op;
	size_t copy_bytes; /* broadcast's root, out of place */
	int peer, window;  /* point-to-point; peer = own rank: idle */
	MPI_Request *pending;
	ct_status status;
	atomic_bool inside; /* read by the watchdog's thread */
};

/* mpi_knobs.c: Open MPI's algorithms through MPI_T. MPI_T must be initialised. */

/* Fills ROW's caps.algos: each collective's "default", then what can be forced, if anything;
 * ROW->caps.fixed says why not. NHOSTS: of the world. */
void ct_mpi_list_algos(struct ct_mpi_row *row, uint32_t nhosts);

/* A duplicate of ROW's communicator on which algorithm ALGO (an index of row->algos) runs with
 * DESC's knobs: made collectively the first time that the ranks ask for the two, and the row's until
 * ct_mpi_free_forced(). CT_UNSUPPORTED when the library would run something else, CT_INVALID for a
 * knob's value, CT_PEER, CT_NOMEM. */
ct_status ct_mpi_force(struct ct_mpi_row *row, size_t algo, const struct ct_coll_desc *desc,
	MPI_Comm *comm);
void ct_mpi_free_forced(struct ct_mpi_row *row);

/* The value of text variable NAME (a path, a list of components) or "" if it has none. */
void ct_mpi_cvar_text(const char *name, char *out, size_t room);

/* mpi_call.c */

/* Fills what the blocking call of DESC needs: REQ->call, name, buffers, type. CT_INVALID,
 * CT_UNSUPPORTED (type, count), CT_NOMEM (pending). */
ct_status ct_mpi_bind(const struct ct_mpi_row *row, const struct ct_coll_desc *desc,
	struct ct_mpi_req *req);

/* CT_PEER (CT_NOMEM, CT_UNSUPPORTED where MPI says so) with MPI's own text for RC of CALL. */
ct_status ct_mpi_failed(int rc, const char *call);

#endif
