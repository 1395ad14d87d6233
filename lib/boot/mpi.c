/* SPDX-License-Identifier: BSD-3-Clause */
/* A bootstrap over an MPI communicator: rank, size and one allgather that has a deadline. */
#include <limits.h>
#include <sched.h>
#include <string.h>

#include "mpi_boot.h"

static ct_status mpi_failed(int rc, const char *call)
{
	char text[MPI_MAX_ERROR_STRING] = "";
	int length = 0;

	MPI_Error_string(rc, text, &length);
	return ct_fail(CT_PEER, "%s: %s", call, text);
}

/* Waits for both requests until BY. A blocking MPI_Waitall could not be left when another rank is
 * stopped. */
static ct_status wait_until(MPI_Request pair[2], struct ct_deadline by)
{
	for (;;) {
		int done = 0;
		int rc = MPI_Testall(2, pair, &done, MPI_STATUSES_IGNORE);

		if (rc != MPI_SUCCESS)
			return mpi_failed(rc, "MPI_Testall");
		if (done)
			return CT_OK;
		if (ct_deadline_passed(by))
			return CT_TIMEOUT;
		sched_yield(); /* ranks may be more than cores */
	}
}

/* Makes room for BYTES per rank. */
static ct_status grow(struct ct_mpi_boot *b, size_t bytes)
{
	char *all;

	if (bytes <= b->room)
		return CT_OK;
	all = ct_alloc(b->boot.nranks, bytes);
	if (all == NULL)
		return CT_NOMEM;
	ct_free(b->all);
	b->all = all;
	b->room = bytes;
	return CT_OK;
}

/* BLOCKS blocks of BYTES from the start of b->all go to the rank DISTANCE below; as many come from
 * the rank DISTANCE above and stand behind those that are there. */
static ct_status step(struct ct_mpi_boot *b, uint32_t distance, uint32_t blocks, size_t bytes,
	struct ct_deadline by)
{
	uint32_t n = b->boot.nranks, below = (b->boot.rank + n - distance) % n;
	uint32_t above = (b->boot.rank + distance) % n;
	int total = (int)(blocks * bytes), rc;
	MPI_Request pair[2] = { MPI_REQUEST_NULL, MPI_REQUEST_NULL };
	ct_status status;

	rc = MPI_Irecv(b->all + distance * bytes, total, MPI_BYTE, (int)above, 0, b->comm, &pair[0]);
	if (rc == MPI_SUCCESS)
		rc = MPI_Isend(b->all, total, MPI_BYTE, (int)below, 0, b->comm, &pair[1]);
	status = rc == MPI_SUCCESS ? wait_until(pair, by) : mpi_failed(rc, "MPI_Isend, MPI_Irecv");
	if (status == CT_OK)
		return CT_OK;
	b->broken = true;
	if (status != CT_TIMEOUT)
		return status;
	return ct_fail(CT_TIMEOUT, "allgather of %u ranks through MPI is not complete after %u s: "
		"rank %u, rank %u or one that they wait for is stopped or left", n,
		(unsigned)(b->timeout_ns / 1000000000u), below, above);
}

/*
 * Bruck's all-gather (1997) in messages: b->all holds the blocks of this rank and those above it,
 * twice as many after each step. Not MPI_Iallgather: its first use makes Open MPI's libnbc look for
 * work of its own in every later call, so what is measured afterwards is slower (4.1.4: 8-byte
 * messages took 0.22 us in place of 0.20).
 */
static ct_status allgather(void *ctx, const void *mine, void *all, size_t bytes)
{
	struct ct_mpi_boot *b = ctx;
	struct ct_deadline by = ct_deadline_in(b->timeout_ns);
	uint32_t n = b->boot.nranks;
	size_t first = n - b->boot.rank; /* blocks up to the last rank's */
	ct_status status;

	if (b->broken)
		return ct_fail(CT_PEER, "an earlier allgather through MPI was not completed");
	if (bytes > INT_MAX / n)
		return ct_fail(CT_INVALID, "allgather of %zu bytes from each of %u ranks: MPI takes at "
			"most %d in all", bytes, n, INT_MAX);
	if (bytes == 0)
		return CT_OK;
	status = grow(b, bytes);
	if (status != CT_OK)
		return status;
	memcpy(b->all, mine, bytes);
	for (uint32_t have = 1; have < n && status == CT_OK; have *= 2)
		status = step(b, have, have < n - have ? have : n - have, bytes, by);
	if (status != CT_OK)
		return status;
	memcpy((char *)all + b->boot.rank * bytes, b->all, first * bytes);
	memcpy(all, b->all + first * bytes, b->boot.rank * bytes);
	return CT_OK;
}

/* Our own communicator: no message of ours can meet one of the program's, and errors come back
 * to us instead of ending the program. */
static ct_status own_comm(struct ct_mpi_boot *b, MPI_Comm comm)
{
	int rank, nranks;
	int rc = MPI_Comm_dup(comm, &b->comm);

	if (rc != MPI_SUCCESS)
		return mpi_failed(rc, "MPI_Comm_dup");
	rc = MPI_Comm_set_errhandler(b->comm, MPI_ERRORS_RETURN);
	if (rc == MPI_SUCCESS)
		rc = MPI_Comm_rank(b->comm, &rank);
	if (rc == MPI_SUCCESS)
		rc = MPI_Comm_size(b->comm, &nranks);
	if (rc != MPI_SUCCESS) {
		MPI_Comm_free(&b->comm);
		return mpi_failed(rc, "MPI_Comm_rank");
	}
	b->boot.rank = (uint32_t)rank;
	b->boot.nranks = (uint32_t)nranks;
	return CT_OK;
}

ct_status ct_mpi_boot_new(MPI_Comm comm, ct_mpi_boot **boot)
{
	struct ct_mpi_boot *b;
	ct_status status;

	if (comm == MPI_COMM_NULL || boot == NULL)
		return ct_fail(CT_INVALID, "ct_mpi_boot_new: no communicator or no place for the result");
	b = ct_alloc(1, sizeof(*b));
	if (b == NULL)
		return CT_NOMEM;
	status = own_comm(b, comm);
	if (status != CT_OK) {
		ct_free(b);
		return status;
	}
	b->boot.size = sizeof(b->boot);
	b->boot.allgather = allgather;
	b->boot.ctx = b;
	b->timeout_ns = CT_MPI_ALLGATHER_NS;
	*boot = b;
	return CT_OK;
}

const struct ct_boot *ct_mpi_boot_get(const ct_mpi_boot *boot)
{
	return &boot->boot;
}

void ct_mpi_boot_free(ct_mpi_boot *boot)
{
	if (boot == NULL || boot->broken)
		return; /* MPI may still write there: a leak is the lesser evil */
	MPI_Comm_free(&boot->comm);
	ct_free(boot->all);
	ct_free(boot);
}
