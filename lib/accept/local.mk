# SPDX-License-Identifier: BSD-3-Clause
# accept: stages and verdicts.
core_sources += \
	lib/accept/accept.h \
	lib/accept/collectives.c \
	lib/accept/blame.c \
	lib/accept/environment.c \
	lib/accept/fit.c lib/accept/fit.h \
	lib/accept/isolate.c lib/accept/isolate.h lib/accept/isolate_json.c \
	lib/accept/json.c \
	lib/accept/judge.c \
	lib/accept/pairing.c \
	lib/accept/pairs.c \
	lib/accept/pretend.c lib/accept/pretend.h lib/accept/pretend_source.c \
	lib/accept/print.c \
	lib/accept/run.c lib/accept/run.h
