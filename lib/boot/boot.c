/* SPDX-License-Identifier: BSD-3-Clause */
/* What every bootstrap shares: one rank alone, the check of a caller's struct, agreement. */
#include <string.h>

#include "boot.h"

static ct_status single_allgather(void *ctx, const void *mine, void *all, size_t bytes)
{
	(void)ctx;
	if (bytes > 0)
		memmove(all, mine, bytes);
	return CT_OK;
}

const struct ct_boot *ct_boot_single(void)
{
	static const struct ct_boot single = {
		sizeof(struct ct_boot), 0, 1, single_allgather, NULL
	};

	return &single;
}

ct_status ct_boot_check(const struct ct_boot *boot)
{
	if (boot == NULL)
		return ct_fail(CT_INVALID, "bootstrap is NULL");
	if (boot->size < sizeof(*boot))
		return ct_fail(CT_INVALID, "bootstrap: size is %zu, sizeof(struct ct_boot) is %zu",
			boot->size, sizeof(*boot));
	if (boot->size > sizeof(*boot))
		return ct_fail(CT_UNSUPPORTED,
			"bootstrap: size is %zu, this library knows %zu bytes; "
			"the caller was built for a newer one", boot->size, sizeof(*boot));
	if (boot->nranks == 0 || boot->rank >= boot->nranks)
		return ct_fail(CT_INVALID, "bootstrap: rank %u of %u ranks", boot->rank,
			boot->nranks);
	if (boot->nranks > 1 && boot->allgather == NULL)
		return ct_fail(CT_INVALID, "bootstrap: %u ranks need an allgather", boot->nranks);
	return CT_OK;
}

/* What each rank tells in an agreement. */
struct verdict {
	int32_t status;
	char why[200];
};

enum { STACK_RANKS = 256 };

static ct_status decide(const struct ct_boot *boot, const struct verdict *all)
{
	for (uint32_t i = 0; i < boot->nranks; i++) {
		char why[sizeof(all[i].why) + 1] = "";

		if (all[i].status == CT_OK)
			continue;
		if (i == boot->rank) /* its own reason stands already, and in full */
			return (ct_status)all[i].status;
		memcpy(why, all[i].why, sizeof(all[i].why));
		return ct_fail((ct_status)all[i].status, "rank %u: %s", i, why);
	}
	return CT_OK;
}

ct_status ct_boot_agree(const struct ct_boot *boot, ct_status mine)
{
	/* on the stack, so that a rank without memory can still tell the others */
	struct verdict few[STACK_RANKS], *all = few, me = { .status = mine };
	ct_status s;

	if (boot->nranks == 1)
		return mine;
	if (boot->nranks > STACK_RANKS) {
		all = ct_alloc(boot->nranks, sizeof(*all));
		if (all == NULL)
			return CT_NOMEM;
	}
	if (mine != CT_OK)
		strncpy(me.why, ct_why(), sizeof(me.why) - 1);
	s = boot->allgather(boot->ctx, &me, all, sizeof(me));
	if (s == CT_OK)
		s = decide(boot, all);
	else if (mine != CT_OK)
		s = ct_fail(mine, "%s", me.why);
	if (all != few)
		ct_free(all);
	return s;
}
