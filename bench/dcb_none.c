/* SPDX-License-Identifier: BSD-3-Clause */
/* Stands in where libmnl was not found by configure. */
#include "dcb.h"

#include <stdio.h>

static const char why_not[] = "this colltune was built without libmnl (Debian: libmnl-dev)";

bool ct_dcb_read(const char *netdev, const char *recorded, struct ct_dcb *dcb, char *why)
{
	(void)netdev;
	(void)recorded;
	(void)dcb;
	snprintf(why, 128, "%s", why_not);
	return false;
}

ct_status ct_dcb_record(const char *netdev, struct ct_buf *out)
{
	(void)netdev;
	(void)out;
	return ct_fail(CT_UNSUPPORTED, "%s", why_not);
}

bool ct_queue_read(const char *netdev, struct ct_queue_counts *counts)
{
	(void)netdev;
	*counts = (struct ct_queue_counts){ .marked = 0 };
	return false;
}
