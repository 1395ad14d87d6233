/* SPDX-License-Identifier: BSD-3-Clause */
/* PCI configuration space as the file "config" of sysfs gives it: 64 bytes without root, 256 or
 * 4096 with. */
#ifndef CT_TOPO_CONFIG_H
#define CT_TOPO_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CT_PCI_CONFIG_MOST = 4096 };

/* Access Control Services, the bits of its control register (PCI Express base specification 5.0,
 * 7.7.8.3). Redirection sends traffic between two devices below a switch up to the root. */
enum {
	CT_ACS_SOURCE_VALIDATION = 1 << 0,
	CT_ACS_REQUEST_REDIRECT = 1 << 2,
	CT_ACS_COMPLETION_REDIRECT = 1 << 3,
	CT_ACS_UPSTREAM_FORWARD = 1 << 4,
};

struct ct_pci_config {
	bool express;		/* the next three hold */
	uint32_t max_read_bytes, max_payload_bytes;
	bool relaxed_ordering;
	bool extended; /* capabilities beyond the first 256 bytes were there to read */
	bool acs;      /* has the capability: ACS_CONTROL holds */
	uint16_t acs_control;
};

/* Pure; any BYTES are safe, with capabilities in circles or out of range too. False when they are
 * no configuration space (fewer than 64, or all ones: the device does not answer). */
bool ct_pci_config_parse(const uint8_t *bytes, size_t n, struct ct_pci_config *config);

#endif
