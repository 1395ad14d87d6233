/* SPDX-License-Identifier: BSD-3-Clause */
/* One planted change of each kind in a machine file, and the comparison names exactly that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "topo/topo.h"

#define CAPTURED CT_TEST_SRCDIR "/tests/fixtures/sysroot-2nic"

static struct ct_machine *captured(void)
{
	struct ct_machine *machine = NULL;

	if (ct_machine_read(CAPTURED, &machine) != CT_OK)
		fail_msg("%s", ct_why());
	return machine;
}

/* MACHINE's file with the first FROM after AFTER replaced by TO, read again. */
static struct ct_machine *changed(const struct ct_machine *machine, bool identify,
	const char *after, const char *from, const char *to)
{
	struct ct_machine *out = NULL;
	struct ct_buf all = ct_buf_make(SIZE_MAX);
	char *text = NULL, *at;
	size_t bytes = 0;

	assert_int_equal(ct_machine_text(machine, identify, &text, &bytes), CT_OK);
	at = strstr(text, after);
	assert_non_null(at);
	at = strstr(at, from);
	assert_non_null(at);
	ct_buf_add(&all, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
	if (ct_machine_parse(all.text, all.used, "changed", &out) != CT_OK)
		fail_msg("%s", ct_why());
	ct_buf_free(&all);
	ct_free(text);
	return out;
}

struct plant {
	const char *after, *from, *to;
	enum ct_difference_kind kind;
	const char *path, *a, *b;
};

static const struct plant plants[] = {
	{ "\"nics\"", "\"speed_Mbps\": 200000", "\"speed_Mbps\": 100000", CT_DIFF_CLASS,
		"/nics/0000:18:00.0/speed_Mbps", "200000", "100000" },
	{ "\"nics\"", "\"mtu\": 9000", "\"mtu\": 1500", CT_DIFF_SETTING,
		"/nics/0000:18:00.0/mtu", "9000", "1500" },
	{ "\"nics\"", "\"driver\": \"mlx5_core\"", "\"driver\": \"vfio-pci\"", CT_DIFF_SETTING,
		"/nics/0000:18:00.0/driver", "mlx5_core", "vfio-pci" },
	{ "\"nics\"", "\"pcie_width\": 16", "\"pcie_width\": 8", CT_DIFF_SETTING,
		"/nics/0000:18:00.0/pcie_width", "16", "8" },
	{ "\"nics\"", "\"name\": \"ens1f0np0\"", "\"name\": \"eth2\"", CT_DIFF_NAME,
		"/nics/0000:18:00.0/name", "ens1f0np0", "eth2" },
	{ "\"rdma\"", "\"state\": \"ACTIVE\"", "\"state\": \"DOWN\"", CT_DIFF_SETTING,
		"/rdma/0000:18:00.0:1/state", "ACTIVE", "DOWN" },
	{ "\"gpus\"", "\"model\": \"NVIDIA H100 PCIe\"", "\"model\": \"NVIDIA A100\"", CT_DIFF_CLASS,
		"/gpus/0000:17:00.0/model", "NVIDIA H100 PCIe", "NVIDIA A100" },
	{ "\"gpus\"", "\"pcie_MTs\": 32000", "\"pcie_MTs\": 2500", CT_DIFF_MOMENT,
		"/gpus/0000:17:00.0/pcie_MTs", "32000", "2500" },
	{ "\"governor\"", "mixed: performance on 0-7, powersave on 8-15", "performance",
		CT_DIFF_SETTING, "/settings/governor",
		"mixed: performance on 0-7, powersave on 8-15", "performance" },
	{ "\"hostname\"", "node17", "node18", CT_DIFF_NAME, "/settings/hostname", "node17",
		"node18" },
	{ "\"numa_balancing\"", "\"value\": 1", "\"unreadable\": \"gone\"", CT_DIFF_SETTING,
		"/settings/numa_balancing", "1", "not readable: gone" },
	{ "\"hugepages\": [", "\"total\": 512", "\"total\": 0", CT_DIFF_SETTING,
		"/hugepages/2097152/total", "512", "0" },
	{ "hwloc_xml", "966d:aeff:fe00:1122", "966d:aeff:fe00:1123", CT_DIFF_NAME,
		"/pci/0000:18:00.0/mlx5_0/Port1GID0", "fe80:0000:0000:0000:966d:aeff:fe00:1122",
		"fe80:0000:0000:0000:966d:aeff:fe00:1123" },
	{ .kind = CT_NDIFFS },
};

static void test_itself(void **state)
{
	struct ct_machine *a = captured(), *b = captured();
	struct ct_diff diff;

	(void)state;
	assert_int_equal(ct_machine_diff(a, b, &diff), CT_OK);
	assert_int_equal(diff.nrows, 0);
	ct_diff_free(&diff);
	ct_machine_free(a);
	ct_machine_free(b);
}

static void test_planted(void **state)
{
	struct ct_machine *a = captured();

	(void)state;
	for (const struct plant *p = plants; p->kind != CT_NDIFFS; p++) {
		struct ct_machine *b = changed(a, true, p->after, p->from, p->to);
		struct ct_diff diff;

		assert_int_equal(ct_machine_diff(a, b, &diff), CT_OK);
		for (size_t i = 0; diff.nrows != 1 && i < diff.nrows; i++)
			print_message("%s: %s | %s\n", diff.rows[i].path, diff.rows[i].a,
				diff.rows[i].b);
		assert_int_equal(diff.nrows, 1);
		assert_string_equal(diff.rows[0].path, p->path);
		assert_string_equal(diff.rows[0].a, p->a);
		assert_string_equal(diff.rows[0].b, p->b);
		assert_int_equal(diff.rows[0].kind, p->kind);
		assert_int_equal(diff.count[p->kind], 1);
		ct_diff_free(&diff);
		ct_machine_free(b);
	}
	ct_machine_free(a);
}

/* A NIC that is gone, and one without a place that is new. */
static void test_missing(void **state)
{
	struct ct_machine *a = captured();
	struct ct_machine *b = changed(a, true, "\"gpus\"", "\"pci\": \"0000:17:00.0\"",
		"\"pci\": \"0000:27:00.0\"");
	struct ct_diff diff;

	(void)state;
	assert_int_equal(ct_machine_diff(a, b, &diff), CT_OK);
	assert_int_equal(diff.nrows, 2);
	assert_string_equal(diff.rows[0].path, "/gpus/0000:17:00.0");
	assert_string_equal(diff.rows[0].b, "not there");
	assert_string_equal(diff.rows[1].path, "/gpus/0000:27:00.0");
	assert_string_equal(diff.rows[1].a, "not there");
	assert_int_equal(diff.count[CT_DIFF_CLASS], 2);
	ct_diff_free(&diff);
	ct_machine_free(a);
	ct_machine_free(b);
}

/* A file without addresses against the machine that has them. */
static void test_replaced(void **state)
{
	struct ct_machine *a = captured();
	struct ct_machine *b = changed(a, false, "\"hostname\"", "node17", "node17");
	struct ct_diff diff;

	(void)state;
	assert_int_equal(ct_machine_diff(a, b, &diff), CT_OK);
	assert_int_equal(diff.nrows, 0);
	ct_diff_free(&diff);
	ct_machine_free(a);
	ct_machine_free(b);
}

/* Fewer memory allocations than it needs: a status, no leak. */
static void test_no_memory(void **state)
{
	struct ct_machine *a = captured();
	struct ct_machine *b = changed(a, false, "\"hostname\"", "node17", "node18");
	struct ct_diff diff;
	ct_status status = CT_NOMEM;

	(void)state;
	for (uint64_t n = 1; status != CT_OK && n < 200; n++) {
		ct_alloc_fail_nth(n);
		status = ct_machine_diff(a, b, &diff);
		assert_true(status == CT_OK || status == CT_NOMEM);
	}
	ct_alloc_fail_nth(0);
	assert_int_equal(status, CT_OK);
	assert_int_equal(diff.nrows, 1);
	ct_diff_free(&diff);
	ct_machine_free(a);
	ct_machine_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_itself), cmocka_unit_test(test_planted),
		cmocka_unit_test(test_missing), cmocka_unit_test(test_replaced),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests_name("topo_diff", tests, NULL, NULL);
}
