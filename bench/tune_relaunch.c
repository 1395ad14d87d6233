/* SPDX-License-Identifier: BSD-3-Clause */
#include "tune_launch.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Names and values as the libraries document them: Open MPI 4.1 (ompi_info --all), UCX 1.13 (ucx_info -cf),
 * NCCL's user guide, "Environment Variables". */
static const struct ct_relaunch known[] = {
	{ "OMPI_MCA_pml", "mpi", "ob1|ucx", "Open MPI's point-to-point layer" },
	{ "OMPI_MCA_btl_vader_eager_limit", "mpi", "1024|16384|65536",
		"bytes that go at once over shared memory; 4096 by default" },
	{ "OMPI_MCA_btl_vader_single_copy_mechanism", "mpi", "none|cma",
		"large messages of one host: two copies, or one by the kernel" },
	{ "OMPI_MCA_btl_tcp_eager_limit", "mpi", "16384|262144",
		"bytes that go at once over TCP; 65536 by default" },
	{ "UCX_RNDV_THRESH", "mpi", "8k|64k|256k",
		"where rendezvous begins; takes effect where pml is ucx, as the next two" },
	{ "UCX_RNDV_SCHEME", "mpi", "get_zcopy|put_zcopy", "who moves the data of a rendezvous" },
	{ "UCX_MAX_RNDV_RAILS", "mpi", "1|4", "NICs that share a message; 2 by default" },
	{ "NCCL_BUFFSIZE", "nccl", "1048576|8388608", "bytes of a channel's buffer; 4 MiB by default" },
	{ "NCCL_MIN_NCHANNELS", "nccl", "8|16", "channels at least" },
	{ "NCCL_IB_QPS_PER_CONNECTION", "nccl", "2|4", "queue pairs of a connection; 1 by default" },
	{ "NCCL_NTHREADS", "nccl", "256|512", "threads of a block" },
	{ NULL, NULL, NULL, NULL },
};

const struct ct_relaunch *ct_relaunches(void)
{
	return known;
}

void ct_relaunch_show(const char *backend)
{
	for (const struct ct_relaunch *r = known; r->name != NULL; r++)
		if (strcmp(r->backend, backend) == 0)
			printf("# needs --launch: %s (%s): %s\n", r->name, r->values, r->what);
}

static bool name_good(const char *name, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)name[i]) && name[i] != '_')
			return false;
	return n > 0 && !isdigit((unsigned char)name[0]);
}

static bool value_good(const char *value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isgraph((unsigned char)value[i]))
			return false;
	return n > 0;
}

/* NAME, N bytes long, with each of VALUES, which end at ';' or the text's end. */
static ct_status add(const char *name, size_t n, const char *values,
	char list[CT_RELAUNCH_MOST][CT_RELAUNCH_ROOM], size_t *count)
{
	const char *end = values + strcspn(values, ";");

	while (values <= end) {
		size_t m = strcspn(values, "|;");

		if (!name_good(name, n) || !value_good(values, m) || n + m + 2 > CT_RELAUNCH_ROOM)
			return ct_fail(CT_INVALID, "--settings: \"%.40s\": NAME=VALUE|VALUE;NAME=… of letters, "
				"digits and _, values without blanks", name);
		if (*count == CT_RELAUNCH_MOST)
			return ct_fail(CT_INVALID, "--settings: more than %d", (int)CT_RELAUNCH_MOST);
		snprintf(list[(*count)++], CT_RELAUNCH_ROOM, "%.*s=%.*s", (int)n, name, (int)m, values);
		values += m + 1;
	}
	return CT_OK;
}

ct_status ct_relaunch_list(const char *text, const char *backend,
	char list[CT_RELAUNCH_MOST][CT_RELAUNCH_ROOM], size_t *n)
{
	ct_status status = CT_OK;

	*n = 0;
	for (const struct ct_relaunch *r = known; text == NULL && r->name != NULL && status == CT_OK; r++)
		if (strcmp(r->backend, backend) == 0)
			status = add(r->name, strlen(r->name), r->values, list, n);
	while (text != NULL && status == CT_OK) {
		size_t m = strcspn(text, "=");

		status = text[m] == '=' ? add(text, m, text + m + 1, list, n) : add(text, m, "", list, n);
		text = strchr(text, ';') != NULL ? strchr(text, ';') + 1 : NULL;
	}
	if (status == CT_OK && *n == 0)
		return ct_fail(CT_INVALID, "no setting of backend %s that would need a launch is known: name some "
			"by --settings", backend);
	return status;
}
