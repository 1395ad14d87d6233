/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The layout of every public struct, as it was released. A caller compiled against an older
 * colltune.h relies on it: a row here may only be added, at the end of its struct. Whoever adds a
 * field adds a row, changes the struct's size, and raises CT_API_VERSION.
 * The numbers are those of LP64 systems (x86-64 and aarch64 Linux).
 */
#include <stdio.h>

#include "colltune.h"

struct row {
	const char *what;
	size_t offset, size;           /* as compiled now */
	size_t old_offset, old_size;   /* as released */
};

#define FIELD(type, field, offset, size)                                                           \
	{ #type "." #field, offsetof(struct type, field), sizeof(((struct type *)0)->field),       \
	  offset, size }
/* The whole struct; its last field must end where the struct ends, since padding at the tail of
 * an old caller's struct would be read as a new field. */
#define WHOLE(type, last, size)                                                                    \
	{ "struct " #type,                                                                         \
	  offsetof(struct type, last) + sizeof(((struct type *)0)->last), sizeof(struct type),     \
	  size, size }

static const struct row rows[] = {
	FIELD(ct_boot, size, 0, 8),
	FIELD(ct_boot, rank, 8, 4),
	FIELD(ct_boot, nranks, 12, 4),
	FIELD(ct_boot, allgather, 16, 8),
	FIELD(ct_boot, ctx, 24, 8),
	WHOLE(ct_boot, ctx, 32),

	FIELD(ct_expiry, size, 0, 8),
	FIELD(ct_expiry, rank, 8, 4),
	FIELD(ct_expiry, reserved, 12, 4),
	FIELD(ct_expiry, host, 16, 8),
	FIELD(ct_expiry, phase, 24, 8),
	FIELD(ct_expiry, suspect, 32, 8),
	WHOLE(ct_expiry, suspect, 40),

	FIELD(ct_job_attr, size, 0, 8),
	FIELD(ct_job_attr, boot, 8, 8),
	FIELD(ct_job_attr, net, 16, 8),
	FIELD(ct_job_attr, deadline_ns, 24, 8),
	FIELD(ct_job_attr, on_expire, 32, 8),
	FIELD(ct_job_attr, interrupted, 40, 8),
	FIELD(ct_job_attr, arg, 48, 8),
	FIELD(ct_job_attr, module_dir, 56, 8),
	WHOLE(ct_job_attr, module_dir, 64),

	FIELD(ct_plan, size, 0, 8),
	FIELD(ct_plan, backends, 8, 8),
	FIELD(ct_plan, min_bytes, 16, 8),
	FIELD(ct_plan, max_bytes, 24, 8),
	FIELD(ct_plan, factor, 32, 8),
	FIELD(ct_plan, min_samples, 40, 8),
	FIELD(ct_plan, budget_ns, 48, 8),
	FIELD(ct_plan, precision, 56, 8),
	FIELD(ct_plan, seed, 64, 8),
	FIELD(ct_plan, coll, 72, 4),
	FIELD(ct_plan, type, 76, 4),
	FIELD(ct_plan, op, 80, 4),
	FIELD(ct_plan, root, 84, 4),
	FIELD(ct_plan, check, 88, 4),
	FIELD(ct_plan, in_place, 92, 4),
	WHOLE(ct_plan, in_place, 96),

	FIELD(ct_point, size, 0, 8),
	FIELD(ct_point, backend, 8, 8),
	FIELD(ct_point, algo, 16, 8),
	FIELD(ct_point, bytes, 24, 8),
	FIELD(ct_point, count, 32, 8),
	FIELD(ct_point, samples, 40, 8),
	FIELD(ct_point, wrong, 48, 8),
	FIELD(ct_point, median_ns, 56, 8),
	FIELD(ct_point, low_ns, 64, 8),
	FIELD(ct_point, high_ns, 72, 8),
	FIELD(ct_point, min_ns, 80, 8),
	FIELD(ct_point, p95_ns, 88, 8),
	FIELD(ct_point, p99_ns, 96, 8),
	FIELD(ct_point, max_ns, 104, 8),
	FIELD(ct_point, algbw_Bps, 112, 8),
	FIELD(ct_point, busbw_Bps, 120, 8),
	WHOLE(ct_point, busbw_Bps, 128),

	FIELD(ct_comm_attr, size, 0, 8),
	FIELD(ct_comm_attr, boot, 8, 8),
	FIELD(ct_comm_attr, backends, 16, 8),
	FIELD(ct_comm_attr, net, 24, 8),
	FIELD(ct_comm_attr, rules, 32, 8),
	FIELD(ct_comm_attr, module_dir, 40, 8),
	FIELD(ct_comm_attr, deadline_ns, 48, 8),
	FIELD(ct_comm_attr, log, 56, 8),
	FIELD(ct_comm_attr, arg, 64, 8),
	FIELD(ct_comm_attr, deterministic, 72, 4),
	FIELD(ct_comm_attr, strict, 76, 4),
	FIELD(ct_comm_attr, advice, 80, 8),
	WHOLE(ct_comm_attr, advice, 88),

	FIELD(ct_tune_plan, size, 0, 8),
	FIELD(ct_tune_plan, backends, 8, 8),
	FIELD(ct_tune_plan, budget_ns, 16, 8),
	FIELD(ct_tune_plan, min_bytes, 24, 8),
	FIELD(ct_tune_plan, max_bytes, 32, 8),
	FIELD(ct_tune_plan, seed, 40, 8),
	FIELD(ct_tune_plan, colls, 48, 4),
	FIELD(ct_tune_plan, type, 52, 4),
	WHOLE(ct_tune_plan, type, 56),

	FIELD(ct_call, size, 0, 8),
	FIELD(ct_call, send, 8, 8),
	FIELD(ct_call, recv, 16, 8),
	FIELD(ct_call, count, 24, 8),
	FIELD(ct_call, coll, 32, 4),
	FIELD(ct_call, type, 36, 4),
	FIELD(ct_call, op, 40, 4),
	FIELD(ct_call, peer, 44, 4),
	WHOLE(ct_call, peer, 48),

	FIELD(ct_comm_info, size, 0, 8),
	FIELD(ct_comm_info, rank, 8, 4),
	FIELD(ct_comm_info, nranks, 12, 4),
	FIELD(ct_comm_info, rules, 16, 8),
	FIELD(ct_comm_info, rules_left, 24, 8),
	FIELD(ct_comm_info, prepared, 32, 8),
	FIELD(ct_comm_info, reused, 40, 8),
	FIELD(ct_comm_info, hash, 48, 8),
	FIELD(ct_comm_info, path, 56, 8),
	FIELD(ct_comm_info, note, 64, 8),
	WHOLE(ct_comm_info, note, 72),
};

int main(void)
{
	const size_t nrows = sizeof(rows) / sizeof(rows[0]);
	int failed = 0;

	printf("1..%zu\n", nrows);
	for (size_t i = 0; i < nrows; i++) {
		const struct row *r = &rows[i];
		int same = r->offset == r->old_offset && r->size == r->old_size;

		printf("%sok %zu - %s at %zu, %zu bytes (released: %zu, %zu)\n", same ? "" : "not ",
		       i + 1, r->what, r->offset, r->size, r->old_offset, r->old_size);
		failed += !same;
	}
	return failed;
}
