/* SPDX-License-Identifier: BSD-3-Clause */
/* What identifies a machine is found; what describes it is left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "topo/machine.h"

/* Names as hwloc 2.9's documentation lists them under "Object attributes". */
static void test_names(void **state)
{
	static const char *const hidden[] = { "Address", "NodeGUID", "SysImageGUID", "Port1GID0",
		"Port2LID", "SerialNumber", "NVIDIASerial", "NVIDIAUUID", "AMDSerial", "AMDUUID",
		"XGMIHiveID", "DMIProductSerial", "DMIProductUUID", "DMIBoardSerial",
		"DMIBoardAssetTag", "DMIChassisSerial", "DMIChassisAssetTag", "LevelZeroUUID",
		"LinuxCgroup" };
	static const char *const shown[] = { "CPUModel", "CPUVendor", "DMIProductName",
		"DMIBIOSVersion", "OSRelease", "HostName", "GPUModel", "Port1State", "LinuxDeviceID",
		"PCISlot", "Inclusive", "Size", "SectorSize", "Backend" };

	(void)state;
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
		assert_true(ct_hide_wanted(hidden[i], "x"));
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		assert_false(ct_hide_wanted(shown[i], "x"));
}

static void test_shapes(void **state)
{
	(void)state;
	assert_true(ct_hide_wanted("Note", "port 0c:42:a1:00:11:22 up"));
	assert_true(ct_hide_wanted("Note", "4c4c4544-0041-4210-8042-b7c04f334433"));
	assert_true(ct_hide_wanted("Note", "946d:ae03:0000:1122"));
	assert_false(ct_hide_wanted("Note", "0000:18:00.0"));
	assert_false(ct_hide_wanted("Note", "15b3:1021 [15b3:0021]"));
	assert_false(ct_hide_wanted("Note", "12:34:56"));
	assert_false(ct_hide_wanted("Note", ""));
}

static void expect_name(const char *name, const char *want)
{
	char text[64];

	strcpy(text, name);
	assert_int_equal(ct_hide_name(text), strcmp(name, want) != 0);
	assert_string_equal(text, want);
}

/* systemd.net-naming-scheme(7) and rdma-core's rdma_rename: an address follows an x. */
static void test_device_names(void **state)
{
	(void)state;
	expect_name("enx0c42a1001122", "enx000000000000");
	expect_name("rocex525400c0fe123455", "rocex0000000000000000");
	expect_name("enx000000000000", "enx000000000000");
	expect_name("ens1f0np0", "ens1f0np0");
	expect_name("mlx5_0", "mlx5_0");
	expect_name("enx0c42a100112", "enx0c42a100112");
	expect_name("deadbeefdead", "deadbeefdead");
	expect_name("", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_device_names),
	};

	return cmocka_run_group_tests_name("topo_hide", tests, NULL, NULL);
}
