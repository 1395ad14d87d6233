/* SPDX-License-Identifier: BSD-3-Clause */
/* Distances between GPUs and NICs on machines whose answers are known by construction, in the words
 * of nvidia-smi's legend (nvidia-smi topo -m). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "topo/topo.h"

#define MACHINES CT_TEST_SRCDIR "/topo/machines/"
#define HGX MACHINES "hgx-h100-8rail.json"

static struct ct_machine *loaded(const char *path)
{
	struct ct_machine *machine = NULL;

	if (ct_machine_load(path, &machine) != CT_OK)
		fail_msg("%s", ct_why());
	return machine;
}

/* Two host bridges of NUMA node 0, one of node 1. Below the first a root port with a switch, and
 * behind that another switch. */
static void test_distances(void **state)
{
	enum { HOST0, PORT, UP, DOWN1, GPU, DOWN2, NIC_SAME, DOWN3, UP2, DOWN4, NIC_FAR, NIC_PORT,
		HOST1, NIC_NODE, HOST2, NIC_SYS, LOOSE, NNODES };
	static const size_t parent[NNODES] = { CT_PCI_NONE, HOST0, PORT, UP, DOWN1, UP, DOWN2, UP,
		DOWN3, UP2, DOWN4, HOST0, CT_PCI_NONE, HOST1, CT_PCI_NONE, HOST2, CT_PCI_NONE };
	struct ct_pci_node nodes[NNODES] = { 0 };
	const struct ct_pci_tree tree = { nodes, NNODES };

	(void)state;
	for (size_t i = 0; i < NNODES; i++) {
		nodes[i].parent = parent[i];
		nodes[i].kind = parent[i] == CT_PCI_NONE ? CT_PCI_HOST : CT_PCI_BRIDGE;
		nodes[i].pci.numa = i >= LOOSE ? CT_UNKNOWN : i >= HOST2 ? 1 : 0;
	}
	assert_int_equal(ct_pci_distance(&tree, GPU, NIC_SAME), CT_DISTANCE_PIX);
	assert_int_equal(ct_pci_distance(&tree, GPU, NIC_FAR), CT_DISTANCE_PXB);
	assert_int_equal(ct_pci_distance(&tree, NIC_FAR, GPU), CT_DISTANCE_PXB);
	assert_int_equal(ct_pci_distance(&tree, GPU, NIC_PORT), CT_DISTANCE_PHB);
	assert_int_equal(ct_pci_distance(&tree, GPU, NIC_NODE), CT_DISTANCE_NODE);
	assert_int_equal(ct_pci_distance(&tree, GPU, NIC_SYS), CT_DISTANCE_SYS);
	assert_int_equal(ct_pci_distance(&tree, GPU, LOOSE), CT_DISTANCE_UNKNOWN);
	assert_int_equal(ct_pci_distance(&tree, GPU, CT_PCI_NONE), CT_DISTANCE_UNKNOWN);
}

/* Each switch holds two GPUs and two NICs, each socket two switches: each GPU has a NIC alone. */
static void test_hgx(void **state)
{
	struct ct_machine *machine = loaded(HGX);
	struct ct_matrix m;

	(void)state;
	assert_int_equal(ct_machine_matrix(machine, &m), CT_OK);
	assert_int_equal(m.ngpus, 8);
	assert_int_equal(m.nnics, 8);
	for (size_t g = 0; g < 8; g++) {
		assert_int_equal(m.best[g], g);
		for (size_t i = 0; i < 8; i++)
			assert_int_equal(m.path[g * 8 + i], g / 2 == i / 2 ? CT_DISTANCE_PIX :
				g / 4 == i / 4 ? CT_DISTANCE_NODE : CT_DISTANCE_SYS);
	}
	ct_matrix_free(&m);
	ct_machine_free(machine);
}

static void test_pcie(void **state)
{
	static const char want[] =
		"        mlx5_0  mlx5_1  best NIC\n"
		"nvml0   PHB     SYS     mlx5_0, PHB, 100 Gbit/s\n"
		"nvml1   NODE    SYS     mlx5_0, NODE, 100 Gbit/s\n"
		"nvml2   SYS     PHB     mlx5_1, PHB, 100 Gbit/s\n"
		"nvml3   SYS     NODE    mlx5_1, NODE, 100 Gbit/s\n";
	struct ct_machine *machine = loaded(MACHINES "pcie-4gpu-2roce.json");
	struct ct_buf out = ct_buf_make(1 << 16);
	struct ct_matrix m;

	(void)state;
	assert_int_equal(ct_machine_matrix(machine, &m), CT_OK);
	assert_int_equal(ct_matrix_text(machine, &m, &out), CT_OK);
	assert_int_equal(strncmp(out.text, want, strlen(want)), 0);
	ct_buf_free(&out);
	ct_matrix_free(&m);
	ct_machine_free(machine);
}

/* mlx5_0 is down and mlx5_2 trained to x2 (32 GT/s * 2 * 128/130 = 63 Gbit/s): their GPUs go to the
 * neighbour on the same switch. */
static void test_degraded(void **state)
{
	struct ct_machine *whole = loaded(HGX), *machine = NULL;
	struct ct_buf all = ct_buf_make(SIZE_MAX);
	char *text = NULL, *down, *width, *rdma;
	size_t bytes = 0;
	struct ct_matrix m;

	(void)state;
	assert_int_equal(ct_machine_text(whole, true, &text, &bytes), CT_OK);
	rdma = strstr(text, "\"rdma\": [");
	down = strstr(rdma, "\"ACTIVE\"");
	width = strstr(strstr(rdma, "\"mlx5_2\""), "\"pcie_width\": 16");
	assert_true(down != NULL && width != NULL && down < width);
	ct_buf_add(&all, "%.*s\"DOWN\"%.*s\"pcie_width\": 2%s", (int)(down - text), text,
		(int)(width - down) - 8, down + 8, width + strlen("\"pcie_width\": 16"));
	if (ct_machine_parse(all.text, all.used, "degraded", &machine) != CT_OK)
		fail_msg("%s", ct_why());
	assert_int_equal(ct_machine_matrix(machine, &m), CT_OK);
	assert_false(m.nics[0].up);
	assert_int_equal(m.nics[2].Mbps, 63015);
	assert_int_equal(m.best[0], 1);
	assert_int_equal(m.best[1], 1);
	assert_int_equal(m.best[2], 3);
	assert_int_equal(m.best[3], 3);
	assert_int_equal(m.best[4], 4);
	ct_matrix_free(&m);
	ct_machine_free(machine);
	ct_machine_free(whole);
	ct_buf_free(&all);
	ct_free(text);
}

static void test_no_memory(void **state)
{
	struct ct_machine *machine = loaded(HGX);
	ct_status status = CT_NOMEM;
	struct ct_matrix m;

	(void)state;
	for (uint64_t n = 1; status != CT_OK && n < 100; n++) {
		ct_alloc_fail_nth(n);
		status = ct_machine_matrix(machine, &m);
		assert_true(status == CT_OK || status == CT_NOMEM);
	}
	ct_alloc_fail_nth(0);
	assert_int_equal(status, CT_OK);
	ct_matrix_free(&m);
	ct_machine_free(machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_distances), cmocka_unit_test(test_hgx),
		cmocka_unit_test(test_pcie), cmocka_unit_test(test_degraded),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests_name("topo_matrix", tests, NULL, NULL);
}
