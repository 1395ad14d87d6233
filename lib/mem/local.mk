# SPDX-License-Identifier: BSD-3-Clause
# mem: where message buffers lie.
core_sources += \
	lib/mem/cuda.c \
	lib/mem/huge.c \
	lib/mem/kinds.h \
	lib/mem/mem.c \
	lib/mem/mem.h
