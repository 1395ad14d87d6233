/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include <string.h>

/* Offsets and numbers: PCI local bus specification 3.0, 6.1 and 6.7; PCI Express base specification
 * 5.0, 7.5.3 and 7.6.3. */
enum {
	STATUS = 0x06,
	STATUS_CAPABILITIES = 1 << 4,
	FIRST_CAPABILITY = 0x34,
	CAPABILITY_EXPRESS = 0x10,
	DEVICE_CONTROL = 8,
	FIRST_EXTENDED = 0x100,
	EXTENDED_ACS = 0x0d,
	ACS_CONTROL = 6,
	STEPS_MOST = 256, /* more is a circle */
};

static uint16_t word(const uint8_t *bytes, size_t n, size_t at)
{
	return at + 2 <= n ? (uint16_t)(bytes[at] | bytes[at + 1] << 8) : 0;
}

static void take_express(const uint8_t *bytes, size_t n, size_t at, struct ct_pci_config *config)
{
	uint16_t control;

	if (at + DEVICE_CONTROL + 2 > n)
		return;
	control = word(bytes, n, at + DEVICE_CONTROL);
	config->express = true;
	config->max_payload_bytes = 128u << (control >> 5 & 7);
	config->relaxed_ordering = (control >> 4 & 1) != 0;
	config->max_read_bytes = 128u << (control >> 12 & 7);
}

bool ct_pci_config_parse(const uint8_t *bytes, size_t n, struct ct_pci_config *config)
{
	size_t at;
	int steps = 0;

	memset(config, 0, sizeof(*config));
	if (n < 64 || word(bytes, n, 0) == 0xffff)
		return false;
	if ((word(bytes, n, STATUS) & STATUS_CAPABILITIES) != 0 && n > 64) {
		for (at = bytes[FIRST_CAPABILITY] & 0xfcu; at >= 64 && at + 2 <= n && at < 256 &&
		     steps < STEPS_MOST; at = bytes[at + 1] & 0xfcu, steps++)
			if (bytes[at] == CAPABILITY_EXPRESS)
				take_express(bytes, n, at, config);
	}
	steps = 0;
	config->extended = n >= FIRST_EXTENDED + 4;
	for (at = FIRST_EXTENDED; at >= FIRST_EXTENDED && at + 8 <= n && steps < STEPS_MOST;
	     at = word(bytes, n, at + 2) >> 4 & 0xffcu, steps++) {
		if (word(bytes, n, at) != EXTENDED_ACS)
			continue;
		config->acs = true;
		config->acs_control = word(bytes, n, at + ACS_CONTROL);
	}
	return true;
}
