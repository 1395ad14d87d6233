# SPDX-License-Identifier: BSD-3-Clause
# The row "mpi": part of the module colltune-mpi.so, never of the library.
mpi_module_sources += \
	lib/coll/mpi.c \
	lib/coll/mpi_call.c \
	lib/coll/mpi_knobs.c \
	lib/coll/mpi_row.h \
	lib/coll/mpi_rules.c lib/coll/mpi_rules.h
