/* SPDX-License-Identifier: BSD-3-Clause */
/* The rules over devices: a machine without defects yields nothing, each planted defect its finding
 * and no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "advise/advise.h"

#define HGX CT_TEST_SRCDIR "/topo/machines/hgx-h100-8rail.json"

static json_t *healthy(void)
{
	json_t *whole = json_load_file(HGX, 0, NULL), *row, *rows;
	size_t i;

	assert_non_null(whole);
	json_array_foreach(json_object_get(whole, "rdma"), i, row) {
		json_object_set_new(row, "max_read_bytes", json_integer(4096));
		json_object_set_new(row, "relaxed_ordering", json_integer(1));
		json_object_set_new(row, "iommu", json_string("identity"));
		json_object_set_new(row, "irqs", json_integer(64));
		json_object_set_new(row, "irqs_far", json_integer(8));
		json_object_set_new(row, "mtu", json_integer(4096));
	}
	rows = json_object_get(whole, "gpus");
	json_array_foreach(rows, i, row) {
		json_object_set_new(row, "bar_bytes", json_integer(1ll << 37));
		json_object_set_new(row, "bar_most_bytes", json_integer(1ll << 37));
	}
	return whole;
}

static json_t *at(json_t *whole, const char *list, size_t i)
{
	json_t *row = json_array_get(json_object_get(whole, list), i);

	assert_non_null(row);
	return row;
}

static void value(json_t *whole, const char *setting, const char *text)
{
	assert_int_equal(json_object_set_new(json_object_get(whole, "settings"), setting,
		json_pack("{s:s}", "value", text)), 0);
}

/* Runs the rules over WHOLE, which it frees: the only finding that is more than a note must be of
 * rule WANT (NULL: there must be none) and its evidence hold SEEN. Returns its text. */
static struct ct_finding judged(json_t *whole, const char *want, const char *seen)
{
	char *text = json_dumps(whole, 0);
	struct ct_machine *machine = NULL;
	struct ct_findings found = { .n = 0 };
	struct ct_advise_in in = { .facts = NULL };
	struct ct_finding answer = { .rule = NULL };

	assert_non_null(text);
	if (ct_machine_parse(text, strlen(text), "planted", &machine) != CT_OK)
		fail_msg("%s", ct_why());
	in.facts = ct_machine_facts(machine);
	assert_int_equal(ct_advise(&in, &found), CT_OK);
	for (size_t i = 0; i < found.n; i++) {
		const struct ct_finding *f = &found.list[i];

		if (f->severity == CT_SEVERITY_NOTE)
			continue;
		if (want == NULL || strcmp(f->rule->id, want) != 0 || answer.rule != NULL)
			fail_msg("%s: %s", f->rule->id, f->seen);
		answer = *f;
		assert_true(f->set[0] != '\0' && f->undo[0] != '\0' && f->expected[0] != '\0');
	}
	if (want != NULL) {
		assert_non_null(answer.rule);
		if (strstr(answer.seen, seen) == NULL)
			fail_msg("%s: not in: %s", seen, answer.seen);
	}
	ct_findings_free(&found);
	ct_machine_free(machine);
	free(text);
	json_decref(whole);
	return answer;
}

static void test_healthy(void **state)
{
	static const char *const machines[] = { HGX,
		CT_TEST_SRCDIR "/topo/machines/pcie-4gpu-2roce.json", NULL };

	(void)state;
	for (size_t i = 0; machines[i] != NULL; i++)
		judged(json_load_file(machines[i], 0, NULL), NULL, NULL);
	judged(healthy(), NULL, NULL);
}

static void test_links(void **state)
{
	json_t *w = healthy();
	struct ct_finding f;

	(void)state;
	json_object_set_new(at(w, "rdma", 3), "pcie_width", json_integer(8));
	f = judged(w, "pcie-link", "runs at 32 GT/s x8, its own limit is 32 GT/s x16");
	/* 32 GT/s, 16 lanes, 128 of 130 bits */
	assert_string_equal(f.expected, "504 instead of 252 Gbit/s over PCIe, headers not counted");
	w = healthy();
	json_object_set_new(at(w, "rdma", 0), "pcie_MTs", json_integer(16000));
	f = judged(w, "pcie-link", "runs at 16 GT/s x16");
	assert_non_null(strstr(f.expected, "504 instead of 252"));
	/* an idle GPU is slow by itself, but never narrow */
	w = healthy();
	json_object_set_new(at(w, "gpus", 2), "pcie_MTs", json_integer(2500));
	judged(w, NULL, NULL);
	w = healthy();
	json_object_set_new(at(w, "gpus", 2), "pcie_width", json_integer(8));
	judged(w, "pcie-link", "nvml2");
}

static void test_devices(void **state)
{
	json_t *w = healthy();
	struct ct_finding f;

	(void)state;
	json_object_set_new(at(w, "rdma", 1), "max_read_bytes", json_integer(512));
	f = judged(w, "max-read-request", "MaxReadReq is 512 bytes on mlx5_1");
	assert_non_null(strstr(f.undo, "CAP_EXP+8.w=2000:7000"));
	w = healthy();
	json_object_set_new(at(w, "rdma", 1), "relaxed_ordering", json_integer(0));
	json_object_set_new(at(w, "rdma", 2), "relaxed_ordering", json_integer(0));
	judged(w, "relaxed-ordering", "off on mlx5_1, mlx5_2");
	w = healthy();
	json_object_set_new(at(w, "gpus", 0), "bar_bytes", json_integer(1 << 28));
	judged(w, "gpu-window", "memory window of nvml0 is 256M of 128G possible");
	w = healthy();
	json_object_set_new(at(w, "rdma", 5), "irqs_far", json_integer(40));
	judged(w, "irq-affinity", "40 of 64 interrupts");
}

static void test_ports(void **state)
{
	json_t *w = healthy();
	struct ct_finding f;

	(void)state;
	json_object_set_new(at(w, "rdma", 4), "state", json_string("DOWN"));
	judged(w, "rdma-port", "mlx5_4 is DOWN");
	w = healthy();
	json_object_set_new(at(w, "rdma", 4), "rate_Mbps", json_integer(100000));
	f = judged(w, "rdma-port", "runs at 100 Gbit/s");
	assert_string_equal(f.expected, "up to 4.0 times the rate of this rail");
	w = healthy();
	json_object_set_new(at(w, "rdma", 0), "mtu", json_integer(1024));
	/* 392.1 of 370.4 Gbit/s at 400 */
	f = judged(w, "rdma-mtu", "RDMA packets carry 1024 bytes");
	assert_string_equal(f.expected, "5.9 % more of the link for data");
}

static void test_settings(void **state)
{
	json_t *w = healthy();

	(void)state;
	json_object_set_new(at(w, "gpus", 0), "iommu", json_string("DMA-FQ"));
	judged(w, "iommu", "translates for 1 GPUs");
	w = healthy();
	value(w, "peer_memory", "none");
	value(w, "dma_buf", "no: the kernel is older than 5.12");
	judged(w, "gpudirect", "no peer-memory module");
	w = healthy();
	value(w, "peer_memory", "none");
	value(w, "dma_buf", "yes");
	judged(w, NULL, NULL);
}

/* The address of the bridge so many STEPS above DEVICE: 1 the port of the switch, 2 its upstream. */
static void bridge_above(const char *device, int steps, char out[24])
{
	struct ct_machine *machine = NULL;
	struct ct_pci_tree tree;
	size_t i;

	assert_int_equal(ct_machine_load(HGX, &machine), CT_OK);
	assert_int_equal(ct_machine_pci(machine, &tree), CT_OK);
	i = ct_pci_find(&tree, device);
	assert_true(i != CT_PCI_NONE);
	while (steps-- > 0)
		i = tree.nodes[i].parent;
	snprintf(out, 24, "%s", tree.nodes[i].pci.address);
	ct_free(tree.nodes);
	ct_machine_free(machine);
}

static void test_paths(void **state)
{
	json_t *w = healthy();
	char address[24];
	struct ct_finding f;

	(void)state;
	bridge_above(json_string_value(json_object_get(at(w, "gpus", 0), "pci")), 1, address);
	json_object_set_new(w, "bridges", json_pack("[{s:s, s:s}]", "pci", address, "acs",
		"SV RR CR UF"));
	f = judged(w, "acs", "1 switch ports");
	assert_non_null(strstr(f.undo, "ECAP_ACS+6.w=001d"));
	w = healthy();
	json_object_set_new(w, "bridges", json_pack("[{s:s, s:s}]", "pci", address, "acs", "SV"));
	judged(w, NULL, NULL);
	/* one of two GPUs is missing: the second rail's data come through the uplink */
	w = healthy();
	bridge_above(json_string_value(json_object_get(at(w, "gpus", 0), "pci")), 2, address);
	json_object_set_new(w, "bridges", json_pack("[{s:s, s:i, s:i}]", "pci", address, "pcie_MTs",
		32000, "pcie_width", 16));
	json_array_remove(json_object_get(w, "gpus"), 0);
	judged(w, "shared-uplink", "2 NICs with 800 Gbit/s together and 1 GPUs");
	/* all rails of one socket are gone: its GPUs reach the other's */
	w = healthy();
	for (size_t i = 0; i < 8; i++) {
		json_t *row = at(w, "rdma", i);

		if (json_integer_value(json_object_get(row, "numa")) == 0)
			json_object_set_new(row, "state", json_string(""));
		if (json_integer_value(json_object_get(row, "numa")) == 0)
			json_object_set_new(row, "rate_Mbps", json_null());
	}
	judged(w, "gpu-nic-path", "4 of 8 GPUs");
}

/* Of eight ranks the last one runs on the first socket. */
static void test_placement(void **state)
{
	struct ct_binding bound[8];
	struct ct_machine *machine = NULL;
	struct ct_findings found = { .n = 0 };
	struct ct_advise_in in = { .bindings = bound, .nbindings = 8 };
	const struct ct_finding *far = NULL;

	(void)state;
	assert_int_equal(ct_machine_load(HGX, &machine), CT_OK);
	in.facts = ct_machine_facts(machine);
	for (uint32_t i = 0; i < 8; i++)
		bound[i] = (struct ct_binding){ i, i < 4 ? "0-55" : "56-111" };
	assert_int_equal(ct_advise(&in, &found), CT_OK);
	for (size_t i = 0; i < found.n; i++)
		assert_int_equal(found.list[i].severity, CT_SEVERITY_NOTE);
	ct_findings_free(&found);
	bound[7].cpus = "0-13";
	assert_int_equal(ct_advise(&in, &found), CT_OK);
	for (size_t i = 0; i < found.n; i++) {
		if (strcmp(found.list[i].rule->id, "rank-placement") == 0)
			far = &found.list[i];
	}
	assert_non_null(far);
	assert_non_null(strstr(far->seen, "1 of 8 ranks run far from their GPU: rank 7 on "
		"PUs 0-13, but nvml7 and mlx5_7 are at NUMA node 1"));
	ct_findings_free(&found);
	ct_machine_free(machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_healthy),	 cmocka_unit_test(test_links),
		cmocka_unit_test(test_devices),	 cmocka_unit_test(test_ports),
		cmocka_unit_test(test_settings), cmocka_unit_test(test_paths),
		cmocka_unit_test(test_placement),
	};

	return cmocka_run_group_tests_name("advise_node", tests, NULL, NULL);
}
