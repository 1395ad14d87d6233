/* SPDX-License-Identifier: BSD-3-Clause */
/* In place of fabric_ib.c where libibnetdisc is missing. */
#include "fabric.h"

const char *const ct_fabric_ib_missing = "built without libibnetdisc and libibmad";

ct_status ct_fabric_ib_read(const char *ca, int port, bool cables, struct ct_deadline by,
	struct ct_fabric *fabric)
{
	(void)ca;
	(void)port;
	(void)cables;
	(void)by;
	(void)fabric;
	return ct_fail(CT_UNSUPPORTED, "InfiniBand: %s", ct_fabric_ib_missing);
}
