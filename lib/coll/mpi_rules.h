/* SPDX-License-Identifier: BSD-3-Clause */
/* What is known of Open MPI's collectives without calling it: knobs and the cases in which
 * coll/tuned quietly runs another algorithm than the one that was forced. Pure; no MPI header. */
#ifndef CT_COLL_MPI_RULES_H
#define CT_COLL_MPI_RULES_H

#include "coll.h"

/* The knobs of one algorithm; CVARS[i] ends the name coll_tuned_<word>_algorithm_<cvar> of knob i. */
struct ct_mpi_knobs {
	const struct ct_knob *knobs;
	const char *const *cvars;
	size_t nknobs;
};
struct ct_mpi_knobs ct_mpi_knobs_of(ct_coll coll, const char *algo);

/* Checks VALUE for KNOB and writes what to set to *OUT: a listed value, or, for 0 where the list
 * has no 0, the first. CT_INVALID names the listed values. */
ct_status ct_mpi_knob_value(const struct ct_knob *knob, int64_t value, int *out);

/* One use of a forced algorithm. COUNT as in ct_coll_desc. */
struct ct_mpi_case {
	ct_coll coll;
	uint32_t nranks;
	uint64_t count;
	size_t element_bytes;
	int segment_bytes;
};

/* Why ALGO, if forced, would not be what runs in this case ("recursive_doubling runs instead: …");
 * NULL if it does run. Source: coll_base_*.c of Open MPI v4.1.4 (same in v5.0). */
const char *ct_mpi_not_run(const struct ct_mpi_case *use, const char *algo);

/* The first words of MPI_Get_library_version's TEXT, up to a comma or the end of the line, blanks
 * squeezed: "Open MPI v4.1.4", "MPICH Version: 4.0.2". OUT of ROOM bytes is always ended by 0. */
void ct_mpi_library_words(const char *text, char *out, size_t room);

#endif
