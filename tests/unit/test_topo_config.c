/* SPDX-License-Identifier: BSD-3-Clause */
/* PCI configuration spaces made by hand after the specification. Known answer for the device control
 * register: NVIDIA's page "Understanding PCIe configuration for maximum performance" raises a
 * MaxReadReq of 512 (register 2936) to 4096 (5936). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../topo/config.h"

static void put16(uint8_t *bytes, size_t at, uint16_t value)
{
	bytes[at] = (uint8_t)value;
	bytes[at + 1] = (uint8_t)(value >> 8);
}

/* Power management at 0x40, then PCI Express at 0x60; ACS at 0x148 behind error reporting. */
static void make(uint8_t bytes[CT_PCI_CONFIG_MOST])
{
	memset(bytes, 0, CT_PCI_CONFIG_MOST);
	put16(bytes, 0, 0x15b3);
	put16(bytes, 6, 0x0010);
	bytes[0x34] = 0x40;
	put16(bytes, 0x40, 0x6001);
	put16(bytes, 0x60, 0x0010);
	put16(bytes, 0x68, 0x2936);
	put16(bytes, 0x100, 0x0001);
	put16(bytes, 0x102, 0x1482);
	put16(bytes, 0x148, 0x000d);
	put16(bytes, 0x14a, 0x0001);
	put16(bytes, 0x14e, 0x001d);
}

static void test_known(void **state)
{
	uint8_t bytes[CT_PCI_CONFIG_MOST];
	struct ct_pci_config c;

	(void)state;
	make(bytes);
	assert_true(ct_pci_config_parse(bytes, sizeof(bytes), &c));
	assert_true(c.express);
	assert_int_equal(c.max_read_bytes, 512);
	assert_int_equal(c.max_payload_bytes, 256);
	assert_true(c.relaxed_ordering);
	assert_true(c.extended);
	assert_true(c.acs);
	assert_int_equal(c.acs_control, CT_ACS_SOURCE_VALIDATION | CT_ACS_REQUEST_REDIRECT |
		CT_ACS_COMPLETION_REDIRECT | CT_ACS_UPSTREAM_FORWARD);
	put16(bytes, 0x68, 0x5926);
	assert_true(ct_pci_config_parse(bytes, sizeof(bytes), &c));
	assert_int_equal(c.max_read_bytes, 4096);
	assert_false(c.relaxed_ordering);
}

/* What a user without root gets says nothing, rather than zero. */
static void test_cut(void **state)
{
	uint8_t bytes[CT_PCI_CONFIG_MOST];
	struct ct_pci_config c;

	(void)state;
	make(bytes);
	assert_true(ct_pci_config_parse(bytes, 64, &c));
	assert_false(c.express);
	assert_false(c.extended);
	assert_true(ct_pci_config_parse(bytes, 256, &c));
	assert_true(c.express);
	assert_false(c.extended);
	assert_false(ct_pci_config_parse(bytes, 63, &c));
	assert_false(ct_pci_config_parse(bytes, 0, &c));
	memset(bytes, 0xff, sizeof(bytes));
	assert_false(ct_pci_config_parse(bytes, sizeof(bytes), &c));
}

/* Lists in circles and beyond the end. */
static void test_damaged(void **state)
{
	uint8_t bytes[CT_PCI_CONFIG_MOST];
	struct ct_pci_config c;

	(void)state;
	make(bytes);
	bytes[0x61] = 0x40;
	put16(bytes, 0x14a, 0x1481);
	assert_true(ct_pci_config_parse(bytes, sizeof(bytes), &c));
	assert_true(c.express);
	assert_true(c.acs);
	make(bytes);
	bytes[0x41] = 0xfc;
	put16(bytes, 0xfc, 0x0010);
	assert_true(ct_pci_config_parse(bytes, 256, &c));
	assert_false(c.express);
	put16(bytes, 0x102, 0xffc1);
	assert_true(ct_pci_config_parse(bytes, 4095, &c));
	assert_false(c.acs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests_name("topo_config", tests, NULL, NULL);
}
