/* SPDX-License-Identifier: BSD-3-Clause */
/* libcolltune-mpi: the bootstrap of a program that has already called MPI_Init. */
#ifndef COLLTUNE_MPI_H
#define COLLTUNE_MPI_H

#include <mpi.h>

#include "colltune.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ct_mpi_boot ct_mpi_boot;

/* Makes a bootstrap over COMM (collective; COMM is duplicated). *BOOT is passed to ct_job_open()
 * through ct_mpi_boot_get() and freed with ct_mpi_boot_free() before MPI_Finalize and after
 * ct_job_close(). Errors: CT_NOMEM, CT_PEER (an MPI error, its text in ct_why()). */
CT_API ct_status ct_mpi_boot_new(MPI_Comm comm, ct_mpi_boot **boot);

/* The bootstrap held by BOOT; valid until ct_mpi_boot_free(). */
CT_API const struct ct_boot *ct_mpi_boot_get(const ct_mpi_boot *boot);

/* Frees BOOT (collective); NULL is accepted. */
CT_API void ct_mpi_boot_free(ct_mpi_boot *boot);

#ifdef __cplusplus
}
#endif
#endif
