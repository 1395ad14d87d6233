# SPDX-License-Identifier: BSD-3-Clause
# Harnesses for libFuzzer, one source each; those of a kind run side by side for FUZZ_SECONDS. A folder
# corpus/NAME holds the inputs to begin with; what is found on the way stays in the build folder.
# Needs: CC=clang CFLAGS='-g -O1 -fsanitize=fuzzer-no-link' --enable-sanitize=address,undefined
fuzz_programs = tests/fuzz/machine tests/fuzz/xml tests/fuzz/capture \
	tests/fuzz/fabric
EXTRA_PROGRAMS = $(fuzz_programs)
tests_fuzz_machine_SOURCES = tests/fuzz/machine.c tests/fuzz/use.h
tests_fuzz_machine_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_xml_SOURCES = tests/fuzz/xml.c tests/fuzz/use.h
tests_fuzz_xml_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_capture_SOURCES = tests/fuzz/capture.c tests/fuzz/use.h
tests_fuzz_capture_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fabric_SOURCES = tests/fuzz/fabric.c tests/fuzz/use.h
tests_fuzz_fabric_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer

FUZZ_SECONDS = 60
EXTRA_DIST += tests/fuzz/run tests/fuzz/words.dict tests/fuzz/corpus
.PHONY: check-fuzz
check-fuzz: $(fuzz_programs)
	FUZZ_SECONDS='$(FUZZ_SECONDS)' \
		$(srcdir)/tests/fuzz/run $(abs_top_srcdir)/tests/fuzz $(fuzz_programs)
