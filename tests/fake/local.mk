# SPDX-License-Identifier: BSD-3-Clause
# The stand-in for libibverbs: simulated InfiniBand devices for tests, never installed. Without the
# sanitizers' runtime, since it is preloaded into programs that lack it.
if WITH_VERBS
check_LTLIBRARIES += libfakeib-core.la fakeib.la
check_PROGRAMS += tests/fake/fakeib-ctl
mpirun_tests += tests/fake/errors.t tests/fake/ladder.t tests/fake/memory.t tests/fake/rails.t tests/fake/raw.t tests/fake/verbs.t
unit_tests += tests/fake/test_fake_rules
endif
EXTRA_DIST += tests/fake/cumem.c tests/fake/errors.t tests/fake/fake.sh tests/fake/ladder.t tests/fake/memory.t tests/fake/rails.t tests/fake/raw.t tests/fake/verbs.t

libfakeib_core_la_SOURCES = tests/fake/fake.h tests/fake/act.c tests/fake/cq.c tests/fake/device.c \
	tests/fake/event.c tests/fake/fabric.c tests/fake/memory.c tests/fake/path.c tests/fake/post.c \
	tests/fake/qp.c tests/fake/send.c tests/fake/spec.c tests/fake/srq.c tests/fake/wr.c
libfakeib_core_la_CFLAGS = $(CT_CFLAGS) $(IBVERBS_CFLAGS)

fakeib_la_SOURCES =
fakeib_la_LIBADD = libfakeib-core.la
fakeib_la_LDFLAGS = -module -avoid-version -shared -rpath /nonexistent

tests_fake_fakeib_ctl_SOURCES = tests/fake/ctl.c
tests_fake_fakeib_ctl_CFLAGS = $(CT_CFLAGS) $(IBVERBS_CFLAGS)
tests_fake_fakeib_ctl_LDADD = libfakeib-core.la
tests_fake_fakeib_ctl_LDFLAGS =

tests_fake_test_fake_rules_SOURCES = tests/fake/test_fake_rules.c
tests_fake_test_fake_rules_CFLAGS = $(CT_CFLAGS) $(IBVERBS_CFLAGS)
tests_fake_test_fake_rules_LDADD = libfakeib-core.la $(CMOCKA_LIBS)
tests_fake_test_fake_rules_LDFLAGS =
