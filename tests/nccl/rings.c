/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rings GPUS NIC…: a communicator over two pretended nodes of GPUS GPUs each, two processes on this
 * machine, whose network is a plugin that lists the NICs (of 400 Gbit/s) and moves nothing. NCCL searches
 * its graphs and says them where NCCL_GRAPH_DUMP_FILE tells. The plugin is this program:
 * NCCL_NET_PLUGIN=STATIC_PLUGIN. For tests.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nccl.h>

enum { GPUS_MOST = 16, NICS_MOST = 16, SPEED_Mbps = 400000, POINTERS = 3 /* of host and GPU */ };

/* NCCL's network interface, version 8, after its public header; names are ours. */
struct properties {
	char *name, *pci_path;
	uint64_t guid;
	int pointers, registered_for_all, speed_Mbps, port;
	float latency_us;
	int comms_most, receives_most, device_type, device_version;
};

typedef ncclResult_t refuse(void); /* whatever it is given */

struct net_v8 {
	const char *name;
	ncclResult_t (*init)(void *log);
	ncclResult_t (*devices)(int *n);
	ncclResult_t (*properties)(int device, struct properties *properties);
	refuse *listen, *connect, *accept, *reg, *reg_dma_buf, *dereg, *send, *receive, *flush, *test,
		*close_send, *close_receive, *close_listen, *device_mr, *consumed;
};

static struct {
	char **names;
	int n;
} nics;

static ncclResult_t net_init(void *log)
{
	return ncclSuccess;
}

static ncclResult_t net_devices(int *n)
{
	*n = nics.n;
	return ncclSuccess;
}

static ncclResult_t net_properties(int device, struct properties *properties)
{
	*properties = (struct properties){ .name = nics.names[device], .guid = (uint64_t)device + 1,
		.pointers = POINTERS, .speed_Mbps = SPEED_Mbps, .port = 1, .comms_most = 1 << 16,
		.receives_most = 1 };
	return ncclSuccess;
}

/* Nothing is sent, so nothing connects. */
static ncclResult_t refuse_all(void)
{
	fprintf(stderr, "rings: NCCL wants to connect\n");
	return ncclSystemError;
}

__attribute__((visibility("default"))) extern const struct net_v8 ncclNetPlugin_v8;
const struct net_v8 ncclNetPlugin_v8 = { "rings", net_init, net_devices, net_properties,
	refuse_all, refuse_all, refuse_all, refuse_all, refuse_all, refuse_all, refuse_all, refuse_all,
	refuse_all, refuse_all, refuse_all, refuse_all, refuse_all, refuse_all, refuse_all };

static bool good(ncclResult_t result, const char *what)
{
	if (result != ncclSuccess)
		fprintf(stderr, "rings: %s: %s\n", what, ncclGetErrorString(result));
	return result == ncclSuccess;
}

/* The ranks of NODE, in this process. */
static int join(int node, int gpus, ncclUniqueId id)
{
	void *symbol = dlsym(RTLD_DEFAULT, "cudaSetDevice");
	ncclComm_t comms[GPUS_MOST];
	int (*set_device)(int gpu), status = 0;

	if (symbol == NULL) {
		fprintf(stderr, "rings: the stand-in for CUDA is not preloaded\n");
		return 1;
	}
	memcpy(&set_device, &symbol, sizeof(set_device));
	if (!good(ncclGroupStart(), "ncclGroupStart"))
		return 1;
	for (int gpu = 0; gpu < gpus; gpu++) {
		set_device(gpu);
		if (!good(ncclCommInitRank(&comms[gpu], 2 * gpus, id, node * gpus + gpu),
			"ncclCommInitRank"))
			return 1;
	}
	if (!good(ncclGroupEnd(), "ncclGroupEnd"))
		return 1;
	for (int gpu = 0; gpu < gpus; gpu++)
		status |= !good(ncclCommDestroy(comms[gpu]), "ncclCommDestroy");
	return status;
}

/* What NCCL takes for another host is what says to be one. */
static int other_node(int gpus, int from)
{
	ncclUniqueId id;

	if (read(from, &id, sizeof(id)) != (ssize_t)sizeof(id))
		return 1;
	setenv("NCCL_HOSTID", "rings-node-1", 1);
	unsetenv("NCCL_GRAPH_DUMP_FILE");
	return join(1, gpus, id);
}

int main(int argc, char **argv)
{
	int gpus = argc > 2 ? atoi(argv[1]) : 0, ends[2], status = 1, theirs = 0;
	ncclUniqueId id;
	pid_t child;

	if (gpus < 1 || gpus > GPUS_MOST || argc - 2 > NICS_MOST || pipe(ends) != 0) {
		fprintf(stderr, "usage: rings GPUS NIC...\n");
		return 2;
	}
	nics.names = argv + 2;
	nics.n = argc - 2;
	child = fork();
	if (child < 0)
		return 1;
	if (child == 0)
		_exit(other_node(gpus, ends[0]));
	setenv("NCCL_HOSTID", "rings-node-0", 1);
	if (good(ncclGetUniqueId(&id), "ncclGetUniqueId") &&
	    write(ends[1], &id, sizeof(id)) == (ssize_t)sizeof(id))
		status = join(0, gpus, id);
	close(ends[1]);
	waitpid(child, &theirs, 0);
	return status != 0 || theirs != 0;
}
