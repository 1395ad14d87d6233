/* SPDX-License-Identifier: BSD-3-Clause */
/* A machine from a captured tree: its facts, its file, its class. The tree under
 * tests/fixtures/sysroot-2nic is made by hand: two packages, an mlx5 device with its interface at
 * half its PCIe speed, a GPU, an interface that is down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static void expect_text(const struct ct_facts *f, enum ct_setting_id id, const char *want)
{
	char text[256];

	assert_string_equal(ct_setting_text(f, id, text, sizeof(text)), want);
}

static void test_settings(void **state)
{
	struct ct_machine *m = captured(FIXTURES "sysroot-2nic");
	const struct ct_facts *f = ct_machine_facts(m);

	(void)state;
	assert_string_equal(f->source, "captured tree");
	assert_int_equal(f->packages, 2);
	assert_int_equal(f->numa_nodes, 2);
	assert_int_equal(f->cores, 8);
	assert_int_equal(f->pus, 16);
	expect_text(f, CT_SET_HOSTNAME, "node17");
	expect_text(f, CT_SET_CPU_MODEL, "Intel(R) Xeon(R) Gold 6430");
	expect_text(f, CT_SET_KERNEL, "6.1.0-18-amd64");
	expect_text(f, CT_SET_HYPERVISOR, "none");
	expect_text(f, CT_SET_GOVERNOR, "mixed: performance on 0-7, powersave on 8-15");
	expect_text(f, CT_SET_SMT, "on");
	expect_text(f, CT_SET_THP, "madvise");
	expect_text(f, CT_SET_NUMA_BALANCING, "1");
	expect_text(f, CT_SET_SHM, "not readable: /dev/shm: its size is not in a captured tree");
	assert_int_equal(f->setting[CT_SET_HUGEPAGES].number, (512ull << 21) + (2ull << 30));
	assert_int_equal(f->setting[CT_SET_HUGEPAGES_FREE].number, (500ull << 21) + (2ull << 30));
	assert_int_equal(f->nhugepages, 2);
	assert_int_equal(f->hugepages[0].bytes, 2 << 20);
	assert_int_equal(f->setting[CT_SET_MEMLOCK].number, CT_UNLIMITED);
	/* its own cgroup has no limit, the one above has 8 CPUs */
	assert_int_equal(f->setting[CT_SET_CPU_LIMIT].number, 8000);
	ct_machine_free(m);
}

static void test_devices(void **state)
{
	struct ct_machine *m = captured(FIXTURES "sysroot-2nic");
	const struct ct_facts *f = ct_machine_facts(m);

	(void)state;
	assert_int_equal(f->nnics, 4); /* bonding_masters is none */
	assert_string_equal(f->nics[0].name, "docker0");
	assert_true(f->nics[0].is_virtual);
	assert_string_equal(f->nics[1].name, "ens1f0np0");
	assert_false(f->nics[1].is_virtual);
	assert_string_equal(f->nics[1].driver, "mlx5_core");
	assert_int_equal(f->nics[1].speed_Mbps, 200000);
	assert_int_equal(f->nics[1].mtu, 9000);
	assert_string_equal(f->nics[1].pci.address, "0000:18:00.0");
	assert_string_equal(f->nics[1].pci.id, "15b3:1021");
	assert_int_equal(f->nics[1].pci.numa, 0);
	assert_int_equal(f->nics[1].pci.speed_MTs, 16000);
	assert_int_equal(f->nics[1].pci.max_speed_MTs, 32000);
	assert_int_equal(f->nics[2].speed_Mbps, CT_UNKNOWN); /* sysfs says -1 */
	assert_int_equal(f->nics[2].pci.numa, 1);
	assert_int_equal(f->nics[2].pci.speed_MTs, CT_UNKNOWN);
	assert_int_equal(f->nics[2].pci.width, CT_UNKNOWN); /* sysfs says 63 */
	assert_int_equal(f->nics[2].pci.max_width, 4);
	assert_true(f->nics[3].loopback);
	assert_int_equal(f->nrdma, 1);
	assert_string_equal(f->rdma[0].name, "mlx5_0");
	assert_string_equal(f->rdma[0].state, "ACTIVE");
	assert_string_equal(f->rdma[0].phys_state, "LinkUp");
	assert_string_equal(f->rdma[0].link_layer, "Ethernet");
	assert_string_equal(f->rdma[0].netdev, "ens1f0np0");
	assert_int_equal(f->rdma[0].rate_Mbps, 200000);
	assert_string_equal(f->rdma[0].pci.address, "0000:18:00.0");
	assert_int_equal(f->ngpus, 1);
	assert_string_equal(f->gpus[0].name, "nvml0");
	assert_string_equal(f->gpus[0].model, "NVIDIA H100 PCIe");
	assert_string_equal(f->gpus[0].driver, "nvidia");
	ct_machine_free(m);
}

static void test_absent(void **state)
{
	struct ct_machine *m = captured(FIXTURES "sysroot-2x56");
	const struct ct_facts *f = ct_machine_facts(m);

	(void)state;
	assert_int_equal(f->packages, 2);
	assert_int_equal(f->numa_nodes, 4);
	assert_int_equal(f->cores, 112);
	assert_int_equal(f->pus, 224);
	assert_int_equal(f->nnics + f->nrdma + f->ngpus, 0);
	for (int i = 0; i < CT_NSETTINGS; i++) {
		assert_false(f->setting[i].known);
		assert_true(f->setting[i].text[0] != '\0');
	}
	expect_text(f, CT_SET_KERNEL,
		"not readable: /proc/sys/kernel/osrelease: No such file or directory");
	ct_machine_free(m);
}

static void test_this_machine(void **state)
{
	struct ct_machine *m = captured(NULL);
	const struct ct_facts *f = ct_machine_facts(m);
	char host[256], self[4096], want[512];

	(void)state;
	assert_string_equal(f->source, "this machine");
	assert_true(f->pus >= (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
	assert_int_equal(gethostname(host, sizeof(host)), 0);
	snprintf(want, sizeof(want), "%s", host);
	expect_text(f, CT_SET_HOSTNAME, want);
	assert_int_equal(ct_binding_self(self, sizeof(self)), CT_OK);
	assert_true(self[0] >= '0' && self[0] <= '9');
	assert_int_equal(ct_binding_self(self, 1), CT_INVALID);
	ct_machine_free(m);
}

static struct ct_machine *reload(const struct ct_machine *m, bool identify, char **kept)
{
	struct ct_machine *again = NULL;
	char *text = NULL;
	size_t bytes = 0;

	assert_int_equal(ct_machine_text(m, identify, &text, &bytes), CT_OK);
	assert_int_equal(strlen(text), bytes);
	if (ct_machine_parse(text, bytes, "m.json", &again) != CT_OK)
		fail_msg("%s", ct_why());
	*kept = text;
	return again;
}

/* What is loaded is what was saved: same tree, same class, and the same text once more. */
static void test_round_trip(void **state)
{
	struct ct_machine *m = captured(FIXTURES "sysroot-2nic"), *again, *third;
	char first[CT_MACHINE_HASH_ROOM], second[CT_MACHINE_HASH_ROOM], *a, *b;
	struct ct_buf x = ct_buf_make(1 << 16), y = ct_buf_make(1 << 16);

	(void)state;
	again = reload(m, true, &a);
	third = reload(again, true, &b);
	assert_string_equal(a, b);
	assert_int_equal(ct_machine_hash(m, first), CT_OK);
	assert_int_equal(ct_machine_hash(third, second), CT_OK);
	assert_string_equal(first, second);
	assert_int_equal(strlen(first), 71);
	assert_int_equal(ct_machine_tree(m, NULL, 0, &x), CT_OK);
	assert_int_equal(ct_machine_tree(third, NULL, 0, &y), CT_OK);
	assert_string_equal(x.text, y.text);
	ct_buf_free(&x);
	ct_buf_free(&y);
	ct_free(a);
	ct_free(b);
	ct_machine_free(m);
	ct_machine_free(again);
	ct_machine_free(third);
}

static void test_identity(void **state)
{
	static const char *const secrets[] = { "94:6d:ae", "946d:ae03", "0c:42:a1", "0c42a1001122",
		"1650522001234", "GPU-12345678", "S64GNE0R123456", "7ABCDE3", "4c4c4544", "user-1000",
		"fe80" };
	struct ct_machine *m = captured(FIXTURES "sysroot-2nic"), *again, *third;
	char first[CT_MACHINE_HASH_ROOM], second[CT_MACHINE_HASH_ROOM], *open, *hidden, *twice;

	(void)state;
	ct_machine_free(reload(m, true, &open));
	again = reload(m, false, &hidden);
	third = reload(again, false, &twice);
	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
		assert_non_null(strstr(open, secrets[i]));
		assert_null(strstr(hidden, secrets[i]));
	}
	assert_non_null(strstr(hidden, "\"NVIDIASerial (1)\""));
	assert_non_null(strstr(hidden, "\"device name (1)\""));
	assert_non_null(strstr(hidden, "node17"));
	assert_string_equal(hidden, twice);
	assert_int_equal(ct_machine_hash(m, first), CT_OK);
	assert_int_equal(ct_machine_hash(again, second), CT_OK);
	assert_string_equal(first, second);
	ct_free(open);
	ct_free(hidden);
	ct_free(twice);
	ct_machine_free(m);
	ct_machine_free(again);
	ct_machine_free(third);
}

/* The hash of MACHINE with the first FROM in its file replaced by TO. */
static void changed_hash(const char *text, const char *from, const char *to, char *hash)
{
	struct ct_machine *m = NULL;
	const char *at = strstr(text, from);
	size_t room = strlen(text) + strlen(to) + 1;
	char *other = malloc(room);

	assert_non_null(at);
	snprintf(other, room, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
	if (ct_machine_parse(other, strlen(other), "m.json", &m) != CT_OK)
		fail_msg("%s", ct_why());
	assert_int_equal(ct_machine_hash(m, hash), CT_OK);
	ct_machine_free(m);
	free(other);
}

static void test_class(void **state)
{
	static const struct {
		const char *from, *to;
		bool same;
	} rows[] = {
		{ "\"node17\"", "\"node18\"", true }, { "\"up\"", "\"down\"", true },
		{ "mixed: performance", "mixed: ondemand", true }, { "9000", "1500", true },
		{ "\"ACTIVE\"", "\"DOWN\"", true }, { "ens1f0np0", "eth7", true },
		{ "\"pcie_MTs\": 16000", "\"pcie_MTs\": 8000", true },
		{ "\"docker0\"", "\"br0\"", true },
		{ "Gold 6430", "Gold 6438", false }, { "200000", "100000", false },
		{ "15b3:1021", "15b3:101d", false }, { "10de:2330", "10de:2331", false },
		{ "\"pcie_max_width\": 16", "\"pcie_max_width\": 8", false },
		{ "\"link_layer\": \"Ethernet\"", "\"link_layer\": \"InfiniBand\"", false },
	};
	struct ct_machine *m = captured(FIXTURES "sysroot-2nic");
	char first[CT_MACHINE_HASH_ROOM], second[CT_MACHINE_HASH_ROOM], *text = NULL;
	size_t bytes = 0;

	(void)state;
	assert_int_equal(ct_machine_hash(m, first), CT_OK);
	assert_int_equal(ct_machine_text(m, false, &text, &bytes), CT_OK);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		changed_hash(text, rows[i].from, rows[i].to, second);
		if ((strcmp(first, second) == 0) != rows[i].same)
			fail_msg("%s -> %s: class %s", rows[i].from, rows[i].to,
				rows[i].same ? "changed" : "did not change");
	}
	ct_free(text);
	ct_machine_free(m);
}

static void test_save(void **state)
{
	char dir[] = "/tmp/colltune-topo-XXXXXX", path[64], link_path[64];
	struct ct_machine *m = captured(FIXTURES "sysroot-2nic"), *again = NULL;
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/m.json", dir);
	snprintf(link_path, sizeof(link_path), "%s/link", dir);
	assert_int_equal(ct_machine_save(m, path, false), CT_OK);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(ct_machine_load(path, &again), CT_OK);
	ct_machine_free(again);
	again = NULL;
	assert_int_equal(symlink(path, link_path), 0);
	assert_int_equal(ct_machine_load(link_path, &again), CT_IO);
	assert_int_equal(truncate(path, st.st_size / 2), 0);
	assert_int_equal(ct_machine_load(path, &again), CT_INVALID);
	assert_non_null(strstr(ct_why(), "m.json:"));
	assert_int_equal(truncate(path, (off_t)CT_MACHINE_LIMIT + 1), 0);
	assert_int_equal(ct_machine_load(path, &again), CT_INVALID);
	assert_null(again);
	unlink(path);
	unlink(link_path);
	rmdir(dir);
	assert_int_equal(ct_machine_save(m, "/nonexistent/m.json", false), CT_IO);
	ct_machine_free(m);
}

/* Each allocation of ours fails in turn: no memory, or a setting that says so; no leak. */
static void test_memory(void **state)
{
	uint64_t n = 0, asked, refused = 0;

	(void)state;
	do {
		struct ct_machine *m = NULL;
		struct ct_buf out = ct_buf_make(1 << 16);
		static const struct ct_binding binding = { 0, "0" };
		char *text = NULL, hash[CT_MACHINE_HASH_ROOM];
		size_t bytes = 0;
		ct_status status;

		ct_alloc_fail_nth(++n);
		status = ct_machine_read(FIXTURES "sysroot-2nic", &m);
		if (status == CT_OK)
			status = ct_machine_text(m, false, &text, &bytes);
		if (status == CT_OK)
			status = ct_machine_tree(m, &binding, 1, &out);
		if (status == CT_OK)
			status = ct_machine_hash(m, hash);
		asked = ct_alloc_count();
		ct_alloc_fail_nth(0);
		assert_true(status == CT_OK || status == CT_NOMEM);
		refused += status == CT_NOMEM;
		ct_free(text);
		ct_buf_free(&out);
		ct_machine_free(m);
	} while (asked >= n && n < 1000);
	assert_true(n < 1000);
	assert_true(refused > 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_this_machine),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_class),
		cmocka_unit_test(test_save),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests_name("topo_machine", tests, NULL, NULL);
}
