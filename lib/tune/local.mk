# SPDX-License-Identifier: BSD-3-Clause
# tune: what was found best, as the settings files of others.
core_sources += \
	lib/tune/environment.c \
	lib/tune/export.c \
	lib/tune/inside.h \
	lib/tune/nccl.c \
	lib/tune/openmpi.c \
	lib/tune/tune.h
