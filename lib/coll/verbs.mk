# SPDX-License-Identifier: BSD-3-Clause
# The row "verbs": part of the module colltune-verbs.so, never of the library.
verbs_module_sources += \
	lib/coll/verbs_module.c \
	lib/coll/verbs_raw.c lib/coll/verbs_raw.h \
	lib/coll/verbs_raw_link.c \
	lib/coll/verbs_raw_run.c \
	lib/coll/verbs_raw_settle.c
