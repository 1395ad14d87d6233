/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening a library with NCCL's interface, and the text of its errors. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "nccl_api.h"

#define AT(field) offsetof(struct ct_nccl_calls, field)

static const struct {
	size_t at;
	const char *name;
} names[] = {
	{ AT(get_version), "ncclGetVersion" },
	{ AT(get_id), "ncclGetUniqueId" },
	{ AT(init), "ncclCommInitRank" },
	{ AT(destroy), "ncclCommDestroy" },
	{ AT(abort), "ncclCommAbort" },
	{ AT(error_text), "ncclGetErrorString" },
	{ AT(async_error), "ncclCommGetAsyncError" },
	{ AT(comm_count), "ncclCommCount" },
	{ AT(user_rank), "ncclCommUserRank" },
	{ AT(all_reduce), "ncclAllReduce" },
	{ AT(reduce), "ncclReduce" },
	{ AT(broadcast), "ncclBroadcast" },
	{ AT(all_gather), "ncclAllGather" },
	{ AT(reduce_scatter), "ncclReduceScatter" },
	{ AT(send), "ncclSend" },
	{ AT(recv), "ncclRecv" },
	{ AT(group_start), "ncclGroupStart" },
	{ AT(group_end), "ncclGroupEnd" },
	{ AT(last_error), "ncclGetLastError" },
	{ AT(init_config), "ncclCommInitRankConfig" },
	{ AT(finalize), "ncclCommFinalize" },
	{ AT(split), "ncclCommSplit" },
	{ AT(mem_alloc), "ncclMemAlloc" },
	{ AT(mem_free), "ncclMemFree" },
	{ AT(reg), "ncclCommRegister" },
	{ AT(dereg), "ncclCommDeregister" },
	{ AT(simulate_end), "ncclGroupSimulateEnd" },
	{ AT(window), "ncclCommWindowRegister" },
	{ AT(unwindow), "ncclCommWindowDeregister" },
	{ AT(gather), "ncclGather" },
	{ AT(scatter), "ncclScatter" },
};

static const char *const usual[] = { "libnccl.so.2", "librccl.so.1", NULL };

/* Up to 2.8 a version is 2804, from 2.9 on 20908 (nccl.h, NCCL_VERSION). */
static void name_product(struct ct_nccl_lib *lib)
{
	const char *slash = strrchr(lib->name, '/'), *base = slash != NULL ? slash + 1 : lib->name;
	int v = lib->version, major = v < 10000 ? v / 1000 : v / 10000;
	int minor = v < 10000 ? v / 100 % 10 : v / 100 % 100;
	const char *what = strstr(base, "rccl") != NULL ? "RCCL" : "NCCL";
	bool own = strncmp(base, "libnccl.so", 10) == 0 || strncmp(base, "librccl.so", 10) == 0;

	snprintf(lib->product, sizeof(lib->product), "%s %d.%d.%d%s%.16s%s", what, major, minor, v % 100,
		own ? "" : " ABI (", own ? "" : base, own ? "" : ")");
}

ct_status ct_nccl_open_library(const char *lib, struct ct_nccl_lib *out)
{
	const char *const asked[] = { lib, NULL }, *which = lib;
	struct ct_nccl_lib made = { .version = 0 };
	char why[300];
	void *handle = ct_library_open(lib != NULL ? asked : usual, &which, why, sizeof(why));

	if (handle == NULL)
		return ct_fail(CT_UNSUPPORTED, "no library of NCCL: %s", why);
	ct_text_clean(made.name, sizeof(made.name), which);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		void *found = dlsym(handle, names[i].name);

		if (found == NULL && names[i].at < AT(last_error))
			return ct_fail(CT_UNSUPPORTED, "%s has no %s: it has not NCCL's ABI", made.name,
				names[i].name);
		memcpy((char *)&made.call + names[i].at, &found, sizeof(found));
	}
	if (made.call.get_version(&made.version) != CT_NCCL_SUCCESS)
		return ct_fail(CT_UNSUPPORTED, "%s: ncclGetVersion failed", made.name);
	name_product(&made);
	*out = made;
	return CT_OK;
}

static ct_status status_of(int result)
{
	switch (result) {
	case CT_NCCL_ARGUMENT:
	case CT_NCCL_USAGE:
		return CT_UNSUPPORTED;
	case CT_NCCL_REMOTE:
		return CT_PEER;
	default:
		return CT_IO;
	}
}

ct_status ct_nccl_status(const struct ct_nccl_lib *lib, void *comm, const char *call, int result)
{
	const char *text, *last;
	char clean[200] = "";

	if (result == CT_NCCL_SUCCESS || result == CT_NCCL_IN_PROGRESS)
		return CT_OK;
	text = lib->call.error_text(result);
	last = lib->call.last_error != NULL ? lib->call.last_error(comm) : NULL;
	if (last != NULL)
		ct_text_clean(clean, sizeof(clean), last);
	return ct_fail(status_of(result), "%s: %s: %s (%d)%s%s", lib->product, call,
		text != NULL ? text : "an error without a text", result, clean[0] != '\0' ? ": " : "", clean);
}
