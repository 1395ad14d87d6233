# SPDX-License-Identifier: BSD-3-Clause
# api: the public functions, thin.
core_sources += \
	lib/api/api.h \
	lib/api/job.c \
	lib/api/measure.c \
	lib/api/report.c
