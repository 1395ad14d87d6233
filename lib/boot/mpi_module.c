/* SPDX-License-Identifier: BSD-3-Clause */
/* colltune-mpi.so: starts and ends MPI for the command, and brings the row "mpi". */
#include <stdlib.h>

#include "mpi_boot.h"

/*
 * Thread level SINGLE, as a program gets from plain MPI_Init: one thread, the one that opened the
 * boot, makes every call of MPI; the watchdog and other threads of ours make none. Any higher level,
 * FUNNELED too, switches locks and atomics on inside Open MPI 4.1 and halves its rate of small
 * messages (8 bytes: 54 against 30 MB/s here), so it would not be the user's MPI that is measured.
 * To see that one, set OMPI_MPI_THREAD_LEVEL, which Open MPI itself reads.
 */
static ct_status start_mpi(bool knobs, bool *started)
{
	int on = 0, over = 0, provided;

	if (MPI_Finalized(&over) == MPI_SUCCESS && over)
		return ct_fail(CT_INVALID, "MPI has been finalised in this process");
	if (MPI_Initialized(&on) == MPI_SUCCESS && on) {
		*started = false;
		return CT_OK;
	}
	/* Open MPI reads it once, before MPI_T or MPI is initialised; it cannot be set later. The
	 * user's own word stands. While no algorithm is forced, the library decides as ever. */
	if (knobs && setenv("OMPI_MCA_coll_tuned_use_dynamic_rules", "1", 0) != 0)
		return ct_fail(CT_NOMEM, "no memory for an environment variable");
	if (MPI_Init_thread(NULL, NULL, MPI_THREAD_SINGLE, &provided) != MPI_SUCCESS)
		return ct_fail(CT_PEER, "MPI_Init_thread failed");
	MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
	*started = true;
	return CT_OK;
}

/* After an error MPI stays initialised: MPI_Finalize would wait for ranks that may be waiting for
 * us, whereas a process that leaves without it makes the launcher end the others. */
static ct_status boot_open(bool knobs, struct ct_boot *boot)
{
	ct_mpi_boot *b;
	bool started = false;
	ct_status status = start_mpi(knobs, &started);

	if (status == CT_OK)
		status = ct_mpi_boot_new(MPI_COMM_WORLD, &b);
	if (status != CT_OK)
		return status;
	b->finalize = started;
	*boot = b->boot;
	return CT_OK;
}

static void boot_close(struct ct_boot *boot)
{
	ct_mpi_boot *b = boot->ctx;
	bool finalize = b->finalize && !b->broken;

	ct_mpi_boot_free(b);
	if (finalize)
		MPI_Finalize();
	boot->ctx = NULL;
}

CT_MODULE_API extern const struct ct_module ct_module;
const struct ct_module ct_module = {
	.abi = CT_MODULE_ABI,
	.name = "mpi",
	.boot_open = boot_open,
	.boot_close = boot_close,
	.coll = &ct_coll_mpi,
};
