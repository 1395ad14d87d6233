# SPDX-License-Identifier: BSD-3-Clause
# plugin: NCCL's tuner plugin, a shared object of its own that lives in other people's processes: it
# takes along what it needs of base and rules and links libc and jansson only.
lib_LTLIBRARIES += libnccl-tuner-colltune.la
tuner_sources = lib/plugin/about.c lib/plugin/cells.c lib/plugin/constants.c lib/plugin/nccl_tuner.h lib/plugin/plugin.h \
	lib/plugin/tuner.c
tuner_borrowed = lib/base/alloc.c lib/base/buf.c lib/base/file.c lib/base/json.c lib/base/names.c \
	lib/base/sha256.c lib/base/status.c lib/rules/fingerprint.c lib/rules/parse.c lib/rules/pick.c \
	lib/rules/place.c lib/rules/read.c lib/rules/scope.c
libnccl_tuner_colltune_la_SOURCES = $(tuner_sources) $(tuner_borrowed)
libnccl_tuner_colltune_la_LIBADD = $(JANSSON_LIBS)
libnccl_tuner_colltune_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared \
	-Wl,--version-script=$(srcdir)/lib/plugin/tuner.map
EXTRA_libnccl_tuner_colltune_la_DEPENDENCIES = lib/plugin/tuner.map
EXTRA_DIST += lib/plugin/tuner.map

# And its profiler plugin, made the same way.
lib_LTLIBRARIES += libnccl-profiler-colltune.la
libnccl_profiler_colltune_la_SOURCES = lib/plugin/about.c lib/plugin/nccl_profiler.h lib/plugin/nccl_tuner.h \
	lib/plugin/plugin.h lib/plugin/profile.c lib/plugin/profile.h lib/plugin/profiler.c lib/base/alloc.c \
	lib/base/buf.c lib/base/file.c lib/base/sha256.c lib/base/status.c lib/rules/fingerprint.c
libnccl_profiler_colltune_la_LIBADD = $(JANSSON_LIBS)
libnccl_profiler_colltune_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared \
	-Wl,--version-script=$(srcdir)/lib/plugin/profiler.map
EXTRA_libnccl_profiler_colltune_la_DEPENDENCIES = lib/plugin/profiler.map
EXTRA_DIST += lib/plugin/profiler.map

# Preloaded by "export --verify": which of Open MPI's algorithms ran. It links nothing of ours.
if WITH_MPI
pkglib_LTLIBRARIES += colltune-witness.la
colltune_witness_la_SOURCES = lib/plugin/witness.c
colltune_witness_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared
endif
