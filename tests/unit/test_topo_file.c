/* SPDX-License-Identifier: BSD-3-Clause */
/* Machine files that are wrong: each is refused with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "topo/topo.h"

#define ROOT CT_TEST_SRCDIR "/tests/fixtures/sysroot-2nic"

static char *good;

static int make_good(void **state)
{
	struct ct_machine *machine = NULL;
	size_t bytes = 0;

	(void)state;
	if (ct_machine_read(ROOT, &machine) != CT_OK)
		return -1;
	if (ct_machine_text(machine, false, &good, &bytes) != CT_OK)
		return -1;
	ct_machine_free(machine);
	return 0;
}

static int free_good(void **state)
{
	(void)state;
	ct_free(good);
	return 0;
}

/* The good file with the first FROM replaced by TO must be refused, WHY being in the reason. */
static void refused(const char *from, const char *to, const char *why)
{
	struct ct_machine *machine = NULL;
	const char *at = strstr(good, from);
	size_t room = strlen(good) + strlen(to) + 1;
	char *text = malloc(room);

	if (at == NULL)
		fail_msg("\"%s\" is not in the file", from);
	snprintf(text, room, "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
	assert_int_equal(ct_machine_parse(text, strlen(text), "m.json", &machine), CT_INVALID);
	assert_null(machine);
	if (strncmp(ct_why(), "m.json: ", 8) != 0 || strstr(ct_why(), why) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", why, ct_why());
	free(text);
}

static void test_schema(void **state)
{
	(void)state;
	refused("colltune-machine/1", "colltune-machine/9",
		"/schema: \"colltune-machine/9\" is not \"colltune-machine/1\"");
	refused("\"schema\"", "\"shema\"", "/schema: missing");
	refused("\"nics\"", "\"nic\"", "/nic: unknown key; did you mean \"nics\"?");
	refused("\"mtu\"", "\"mtuu\"", "/nics/0/mtuu: unknown key; did you mean \"mtu\"?");
	refused("\"governor\"", "\"governer\"",
		"/settings/governer: unknown key; did you mean \"governor\"?");
}

static void test_values(void **state)
{
	(void)state;
	refused("\"mtu\": 1500", "\"mtu\": -1", "/nics/0/mtu: not a whole number");
	refused("\"mtu\": 1500", "\"mtu\": \"9000\"", "/nics/0/mtu: not a whole number");
	refused("\"virtual\": true", "\"virtual\": 1", "/nics/0/virtual: not true or false");
	refused("\"name\": \"docker0\"", "\"name\": null", "/nics/0/name: missing");
	refused("\"name\": \"docker0\"", "\"name\": 7", "/nics/0/name: not a text");
	refused("\"docker0\"", "\"0123456789012345678901234567890123456789\"",
		"/nics/0/name: longer than 31 bytes");
	refused("\"value\": \"node17\"", "\"value\": 17", "/settings/hostname/value: not a text");
	refused("\"value\": \"node17\"", "\"value\": null", "/settings/hostname/value: null");
	refused("\"value\": \"node17\"", "\"val\": 1", "/settings/hostname/val: unknown key");
	refused("\"value\": \"node17\"", "\"value\": \"a\", \"unreadable\": \"b\"",
		"/settings/hostname: needs \"value\" or \"unreadable\"");
	refused("\"bytes\": 2097152", "\"bytes\": null", "/hugepages/0/bytes: missing");
	refused("\"replaced\": [", "\"replaced\": [1,", "/replaced/0: not a text");
}

static void test_xml(void **state)
{
	(void)state;
	refused("<topology version=\\\"2.0\\\"", "<topology version=\\\"3.0\\\"",
		"/hwloc_xml: hwloc XML is not of version 2");
	refused("<topology", "<topologie", "/hwloc_xml: not hwloc XML");
	refused("<!DOCTYPE topology", "<!DOCTYPE topology [<!ENTITY a 'b'>]",
		"/hwloc_xml: hwloc XML must not declare entities");
	refused(" cpuset=\\\"", " cpusat=\\\"", "/hwloc_xml: hwloc XML: object 0 lacks");
	refused("</topology>", "", "/hwloc_xml: hwloc ");
	refused("type=\\\"Machine\\\"", "type=\\\"Nothing\\\"",
		"/hwloc_xml: hwloc XML: object 0 has a type that hwloc 2 does not have");
	refused("encoding=\\\"UTF-8\\\"", "encoding=\\\"UTF-7\\\"", "another encoding than UTF-8");
}

/* From a fuzzer: hwloc 2.9 spent 20 s under the sanitizers, 1 s and half a gigabyte without, on a CPU
 * whose number is missing or as large as a number can be. */
static void test_xml_numbers(void **state)
{
	static const char pu[] = "type=\\\"PU\\\" os_index=\\\"0\\\"";
	static const char node[] = "type=\\\"NUMANode\\\" os_index=\\\"0\\\"";
	static const char without[] = "is a CPU or NUMA node without an os_index from 0 to 65535";

	(void)state;
	refused(pu, "type=\\\"PU\\\" os_indux=\\\"0\\\"", without);
	refused(pu, "type=\\\"PU\\\" os_index=\\\"-2\\\"", without);
	refused(pu, "type=\\\"PU\\\" os_index=\\\"65536\\\"", without);
	refused(pu, "type=\\\"PU\\\" os_index=\\\"\\\"", without);
	refused(node, "type=\\\"NUMANode\\\" os_index=\\\"2147483646\\\"", without);
	/* What an XML parser takes and hwloc does not write cannot hide it. */
	refused(pu, "type=\\\"pu\\\"", "has a type that hwloc 2 does not have");
	refused(pu, "type='PU' os_index=\\\"0\\\"", "not written as hwloc does");
	refused(pu, "a='type=\\\"Misc\\\"' type=\\\"PU\\\"", "not written as hwloc does");
	refused(pu, "type=\\\"Misc\\\" type=\\\"PU\\\"", "not written as hwloc does");
	refused("</topology>", "<distances2 type=\\\"PU\\\" nbobjs=\\\"9000\\\"/></topology>",
		"a distance matrix without an nbobjs from 0 to 4096");
	refused("</topology>", "<distances2hetero nbobjs=\\\"-1\\\"/></topology>",
		"a distance matrix without an nbobjs from 0 to 4096");
}

/* A file that ends early is refused wherever it ends. */
static void test_truncated(void **state)
{
	struct ct_machine *machine = NULL;
	size_t bytes = strlen(good);

	(void)state;
	for (size_t n = 0; n + 2 < bytes; n += 97) {
		assert_int_equal(ct_machine_parse(good, n, "m.json", &machine), CT_INVALID);
		assert_null(machine);
	}
}

/* A file of an older colltune lacks what was added since: not known, and it says why. */
static void test_older(void **state)
{
	static const char cut[] = "\"kernel\": {\n   \"value\": \"6.1.0-18-amd64\"\n  },\n";
	const char *at = strstr(good, cut);
	char *text = malloc(strlen(good) + 1), out[256];
	struct ct_machine *machine = NULL;

	(void)state;
	assert_non_null(at);
	snprintf(text, strlen(good) + 1, "%.*s%s", (int)(at - good), good, at + strlen(cut));
	assert_int_equal(ct_machine_parse(text, strlen(text), "m.json", &machine), CT_OK);
	assert_string_equal(ct_setting_text(ct_machine_facts(machine), CT_SET_KERNEL, out,
		sizeof(out)), "not readable: not in this machine file");
	ct_machine_free(machine);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schema),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_xml),
		cmocka_unit_test(test_xml_numbers),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_older),
	};

	return cmocka_run_group_tests_name("topo_file", tests, make_good, free_good);
}
