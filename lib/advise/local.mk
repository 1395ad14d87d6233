# SPDX-License-Identifier: BSD-3-Clause
# advise: facts and results to findings.
core_sources += \
	lib/advise/advise.c lib/advise/advise.h \
	lib/advise/host.c \
	lib/advise/results.c \
	lib/advise/rules.h
