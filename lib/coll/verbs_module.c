/* SPDX-License-Identifier: BSD-3-Clause */
/* colltune-verbs.so: the transport and the backend "verbs". */
#include "verbs_raw.h"

/* The transport's row, made in lib/net; this table is the one place where both meet. */
extern const struct ct_net_ops ct_net_verbs;

CT_MODULE_API extern const struct ct_module ct_module;
const struct ct_module ct_module = {
	.abi = CT_MODULE_ABI,
	.name = "verbs",
	.coll = &ct_coll_verbs,
	.net = &ct_net_verbs,
};
