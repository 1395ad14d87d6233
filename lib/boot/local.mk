# SPDX-License-Identifier: BSD-3-Clause
# boot: who are the ranks. The files named mpi are part of the module, never of the library.
core_sources += \
	lib/boot/boot.c lib/boot/boot.h \
	lib/boot/dial.c lib/boot/dial.h \
	lib/boot/env.c lib/boot/env.h \
	lib/boot/env_meet.c \
	lib/boot/group.c \
	lib/boot/launcher.c \
	lib/boot/module.c \
	lib/boot/pair.c \
	lib/boot/threads.c \
	lib/boot/world.c
mpi_module_sources += lib/boot/mpi.c lib/boot/mpi_boot.h lib/boot/mpi_module.c
# The same bootstrap for programs that call MPI_Init themselves: libcolltune-mpi.
mpi_library_sources += lib/boot/mpi.c lib/boot/mpi_boot.h
