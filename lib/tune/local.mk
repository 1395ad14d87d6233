# SPDX-License-Identifier: BSD-3-Clause
# tune: the search for what is fastest, and what was found as the settings files of others.
core_sources += \
	lib/tune/alike.c \
	lib/tune/alike.h \
	lib/tune/cover.c \
	lib/tune/environment.c \
	lib/tune/export.c \
	lib/tune/inside.h \
	lib/tune/jobs.c \
	lib/tune/jobs.h \
	lib/tune/jobs_scope.c \
	lib/tune/join.c \
	lib/tune/judge.c \
	lib/tune/links.c \
	lib/tune/nccl.c \
	lib/tune/openmpi.c \
	lib/tune/race.c \
	lib/tune/race.h \
	lib/tune/race_cells.c \
	lib/tune/race_check.c \
	lib/tune/race_guess.c lib/tune/race_levels.c \
	lib/tune/race_refine.c \
	lib/tune/race_samples.c lib/tune/race_widen.c \
	lib/tune/repeat.c \
	lib/tune/search.c \
	lib/tune/search.h \
	lib/tune/suggest.c \
	lib/tune/tune.h \
	lib/tune/tuner.c \
	lib/tune/winners.c \
	lib/tune/write.c
