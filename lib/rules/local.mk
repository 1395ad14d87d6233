# SPDX-License-Identifier: BSD-3-Clause
# rules: parse, check and pick; what jobs, plugins and the tuner share.
core_sources += \
	lib/rules/fingerprint.c \
	lib/rules/internal.h \
	lib/rules/parse.c \
	lib/rules/pick.c \
	lib/rules/place.c \
	lib/rules/read.c \
	lib/rules/rules.h \
	lib/rules/scope.c
