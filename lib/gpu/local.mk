# SPDX-License-Identifier: BSD-3-Clause
# gpu: memory that is not the host's, by drivers opened at run time.
core_sources += \
	lib/gpu/gpu.c \
	lib/gpu/library.c \
	lib/gpu/gpu.h
