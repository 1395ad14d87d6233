# SPDX-License-Identifier: BSD-3-Clause
# base: libc and jansson only; knows no collective.
core_sources += \
	lib/base/alloc.c lib/base/alloc.h \
	lib/base/base.h \
	lib/base/buf.c lib/base/buf.h \
	lib/base/clock.c lib/base/clock.h \
	lib/base/file.c \
	lib/base/graph.c lib/base/graph.h \
	lib/base/hist.c lib/base/hist.h \
	lib/base/json.c lib/base/json.h \
	lib/base/log.c lib/base/log.h \
	lib/base/names.c lib/base/names.h \
	lib/base/option.c lib/base/option.h \
	lib/base/option_env.c \
	lib/base/option_out.c \
	lib/base/paired.c \
	lib/base/rank.c \
	lib/base/rng.c lib/base/rng.h \
	lib/base/select.c \
	lib/base/sha256.c lib/base/sha256.h \
	lib/base/stats.c lib/base/stats.h \
	lib/base/status.c lib/base/status.h \
	lib/base/units.c lib/base/units.h
