# SPDX-License-Identifier: BSD-3-Clause
# measure: the one loop, its session, and the records it leaves.
core_sources += \
	lib/measure/board.c \
	lib/measure/buffers.c \
	lib/measure/candidates.c \
	lib/measure/counters.c \
	lib/measure/ends.c \
	lib/measure/expect.c \
	lib/measure/floor.c \
	lib/measure/floor_probe.c \
	lib/measure/floor_probe.h \
	lib/measure/gather.c \
	lib/measure/inside.h \
	lib/measure/lane.c \
	lib/measure/loop.c \
	lib/measure/measure.h \
	lib/measure/parse.c \
	lib/measure/place.c \
	lib/measure/ports.c \
	lib/measure/record.c \
	lib/measure/records.c \
	lib/measure/samples.c \
	lib/measure/session.c \
	lib/measure/store.c \
	lib/measure/suspects.c \
	lib/measure/sync.c \
	lib/measure/trials.c \
	lib/measure/watchdog.c
