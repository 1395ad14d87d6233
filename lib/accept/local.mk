# SPDX-License-Identifier: BSD-3-Clause
# accept: stages and verdicts.
core_sources += \
	lib/accept/accept.h \
	lib/accept/collectives.c \
	lib/accept/environment.c \
	lib/accept/json.c \
	lib/accept/judge.c \
	lib/accept/pairs.c \
	lib/accept/print.c \
	lib/accept/run.c lib/accept/run.h
