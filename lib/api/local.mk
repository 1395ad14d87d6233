# SPDX-License-Identifier: BSD-3-Clause
# api: the public functions, thin.
core_sources += \
	lib/api/advice.c \
	lib/api/api.h \
	lib/api/comm.c lib/api/comm.h \
	lib/api/comm_cache.c \
	lib/api/comm_call.c \
	lib/api/comm_rules.c \
	lib/api/job.c \
	lib/api/measure.c \
	lib/api/report.c \
	lib/api/tune.c
