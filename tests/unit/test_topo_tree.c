/* SPDX-License-Identifier: BSD-3-Clause */
/* The tree as a person sees it, and bindings that are wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "topo/topo.h"

#define FIXTURES CT_TEST_SRCDIR "/tests/fixtures/"

static struct ct_machine *captured(const char *root)
{
	struct ct_machine *machine = NULL;

	if (ct_machine_read(root, &machine) != CT_OK)
		fail_msg("%s", ct_why());
	return machine;
}

static void test_whole(void **state)
{
	static const char want[] =
		"node17: Intel(R) Xeon(R) Gold 6430 (captured tree)\n"
		"  2 packages, 2 NUMA nodes, 8 cores, 16 PUs, 2.0 GiB\n"
		"  package 0\n"
		"    NUMA node 0: 1.0 GiB\n"
		"      cores 0-3 (PUs 0-7), 4 x L2 4.0 MiB, L3 16 MiB\n"
		"      ranks 0,3 on PU 0\n"
		"      rank 1 on PUs 2-3\n"
		"      gpu nvml0: NVIDIA H100 PCIe, nvidia, PCI 0000:17:00.0 10de:2330, "
		"PCIe 32 GT/s x16\n"
		"      rdma mlx5_0 port 1: 200 Gbit/s, Ethernet, ACTIVE, with net ens1f0np0, "
		"mlx5_core, PCI 0000:18:00.0 15b3:1021, PCIe 16 GT/s x16 (of 32 GT/s x16)\n"
		"      net ens1f0np0: 200 Gbit/s, ethernet, up, MTU 9000, mlx5_core, "
		"PCI 0000:18:00.0 15b3:1021, PCIe 16 GT/s x16 (of 32 GT/s x16)\n"
		"  package 1\n"
		"    NUMA node 1: 1.0 GiB\n"
		"      cores 4-7 (PUs 8-15), 4 x L2 4.0 MiB, L3 16 MiB\n"
		"      net enx0c42a1001122: speed not told, ethernet, down, MTU 1500, igb, "
		"PCI 0000:98:00.0 8086:1521, PCIe link not told (of 5 GT/s x4)\n"
		"  rank 2 on PUs 0-15 (not bound)\n"
		"  rank 4 on PUs 7-8 (across NUMA nodes)\n"
		"  rank 5 on PU 16 (not all on this machine)\n"
		"  other PCI devices: 1 storage\n"
		"  net without hardware: docker0 (down), lo (loopback, unknown)\n"
		"  settings\n"
		"    kernel                6.1.0-18-amd64\n"
		"    hypervisor            none\n"
		"    governor              mixed: performance on 0-7, powersave on 8-15\n"
		"    smt                   on\n"
		"    transparent_hugepages madvise\n"
		"    hugepages             512 of 2.0 MiB, 2 of 1.0 GiB; free 3.0 GiB\n"
		"    memlock               no limit\n"
		"    numa_balancing        1\n"
		"    dev_shm               not readable: /dev/shm: its size is not in a captured tree\n"
		"    cgroup_cpus           8 CPUs\n"
		"    iommu                 not readable: /sys/kernel/iommu_groups: No such file or "
		"directory\n"
		"    peer_memory           not readable: /sys/module: No such file or directory\n"
		"    dma_buf               yes, as far as the kernel goes\n"
		"    pci_config            not readable: /sys/bus/pci/devices: none was read\n";
	static const struct ct_binding bindings[] = { { 0, "0" }, { 1, "2-3" }, { 2, "0-15" },
		{ 3, "0" }, { 4, "7-8" }, { 5, "16" } };
	struct ct_machine *m = captured(FIXTURES "sysroot-2nic");
	struct ct_buf out = ct_buf_make(1 << 16);

	(void)state;
	assert_int_equal(ct_machine_tree(m, bindings, 6, &out), CT_OK);
	assert_string_equal(out.text, want);
	ct_buf_free(&out);
	ct_machine_free(m);
}

/* lstopo's synthetic "package:2 numa:2 l3:1 core:28 pu:2": many ranks take one line a node. */
static void test_large(void **state)
{
	static const char want[] =
		"machine: CPU model not told (captured tree)\n"
		"  2 packages, 4 NUMA nodes, 112 cores, 224 PUs, 4.0 GiB\n"
		"  package 0\n"
		"    NUMA node 0: 1.0 GiB\n"
		"      cores 0-27 (PUs 0-55), L3 16 MiB\n"
		"      ranks 0-27 on 2 PUs each, none shared, of PUs 0-55\n"
		"    NUMA node 1: 1.0 GiB\n"
		"      cores 28-55 (PUs 56-111), L3 16 MiB\n"
		"      ranks 28-55 on 2 PUs each, none shared, of PUs 56-111\n"
		"  package 1\n"
		"    NUMA node 2: 1.0 GiB\n"
		"      cores 56-83 (PUs 112-167), L3 16 MiB\n"
		"      ranks 56-83 on 2 PUs each, none shared, of PUs 112-167\n"
		"    NUMA node 3: 1.0 GiB\n"
		"      cores 84-111 (PUs 168-223), L3 16 MiB\n"
		"      ranks 84-111 on 2 PUs each, none shared, of PUs 168-223\n"
		"  settings\n";
	struct ct_machine *m = captured(FIXTURES "sysroot-2x56");
	struct ct_buf out = ct_buf_make(1 << 16);
	struct ct_binding bindings[112];
	char cpus[112][16];

	(void)state;
	for (unsigned int i = 0; i < 112; i++) {
		snprintf(cpus[i], sizeof(cpus[i]), "%u-%u", 2 * i, 2 * i + 1);
		bindings[i] = (struct ct_binding){ i, cpus[i] };
	}
	assert_int_equal(ct_machine_tree(m, bindings, 112, &out), CT_OK);
	assert_int_equal(strncmp(out.text, want, strlen(want)), 0);
	assert_non_null(strstr(out.text, "    hostname              not readable: "));
	ct_buf_free(&out);
	ct_machine_free(m);
}

static void test_bad_bindings(void **state)
{
	static const char *const bad[] = { "", "x", "0-", "-1", "1,,2", "1--2", "0-4294967295",
		"65536", "0x1", "1 2", "3-1" };
	struct ct_machine *m = captured(FIXTURES "sysroot-2nic");
	struct ct_buf out = ct_buf_make(1 << 16);
	struct ct_binding one = { 7, NULL };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		one.cpus = bad[i];
		assert_int_equal(ct_machine_tree(m, &one, 1, &out), CT_INVALID);
		assert_non_null(strstr(ct_why(), "binding of rank 7: "));
	}
	one.rank = 1u << 24;
	one.cpus = "0";
	assert_int_equal(ct_machine_tree(m, &one, 1, &out), CT_INVALID);
	assert_int_equal(out.used, 0);
	ct_buf_free(&out);
	out = ct_buf_make(100);
	assert_int_equal(ct_machine_tree(m, NULL, 0, &out), CT_NOMEM);
	ct_buf_free(&out);
	ct_machine_free(m);
}

/* What a tree on a machine without anything special may take on the screen. */
static void test_this_machine(void **state)
{
	struct ct_machine *m = captured(NULL);
	struct ct_buf out = ct_buf_make(1 << 20);
	struct ct_binding mine = { 0, NULL };
	char self[4096];

	(void)state;
	assert_int_equal(ct_binding_self(self, sizeof(self)), CT_OK);
	mine.cpus = self;
	assert_int_equal(ct_machine_tree(m, &mine, 1, &out), CT_OK);
	assert_non_null(strstr(out.text, "this machine"));
	assert_non_null(strstr(out.text, "rank 0 on PU"));
	ct_buf_free(&out);
	ct_machine_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_bad_bindings),
		cmocka_unit_test(test_this_machine),
	};

	return cmocka_run_group_tests_name("topo_tree", tests, NULL, NULL);
}
