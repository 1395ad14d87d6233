/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to the MPI bootstrap: libcolltune-mpi and the module share it. */
#ifndef CT_BOOT_MPI_BOOT_H
#define CT_BOOT_MPI_BOOT_H

#include "boot.h"
#include "colltune_mpi.h"

/* How long one allgather waits for every rank before it gives CT_TIMEOUT. Generous: ranks may
 * differ by what one of them writes to a slow disk; a measured phase has its own shorter deadline. */
#define CT_MPI_ALLGATHER_NS 60000000000u

struct ct_mpi_boot {
	struct ct_boot boot;
	MPI_Comm comm;
	uint64_t timeout_ns;
	/* The exchange passes through this: when a deadline passes, MPI may still write to it, so it
	 * must outlive the call, which the caller's memory need not. */
	char *all;
	size_t room;   /* bytes per rank */
	bool broken;   /* an exchange never ended: nothing may be reused or freed */
	bool finalize; /* the module initialised MPI, so it ends it */
};

/* The module's row, made in lib/coll. The module's table is the one place where both meet; boot
 * knows nothing else of it. */
extern const struct ct_coll_ops ct_coll_mpi;

#endif
