/* SPDX-License-Identifier: BSD-3-Clause */
/* What NCCL's log says of connections: by which way each channel goes, and which NIC that is. */
#ifndef CT_BENCH_NCCL_LOG_H
#define CT_BENCH_NCCL_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CT_LOG_WAYS = 32, CT_LOG_CHANNELS = 64, CT_LOG_NICS = 32, CT_LOG_WORD = 48 };

/* Plain bytes, so that ranks can send it. Words are cleaned. */
struct ct_nccl_log {
	char ways[CT_LOG_WAYS][CT_LOG_WORD]; /* "P2P/direct pointer", "NET/IB/0/GDRDMA" */
	uint16_t uses[CT_LOG_CHANNELS][CT_LOG_WAYS]; /* connections of a channel that go that way */
	uint32_t nways;
	char nics[CT_LOG_NICS][CT_LOG_WORD]; /* "NET/IB/0 = mlx5_0:1/RoCE" */
	uint32_t nnics;
	uint32_t direct_on, direct_off; /* GPUs and NICs of which it says that GPUDirect RDMA is possible, or not */
	uint32_t cut; /* lines for which there was no room */
};

/* Takes one line, whatever it is: what is not understood is passed over. */
void ct_nccl_log_line(struct ct_nccl_log *log, const char *line);

/* Reads what was written to FD from its beginning, at most 16 MiB. */
void ct_nccl_log_read(struct ct_nccl_log *log, int fd);

/* Adds what another process's says. */
void ct_nccl_log_add(struct ct_nccl_log *log, const struct ct_nccl_log *more);

/* Connections by NICs, and those of them for which NCCL chose GPUDirect RDMA. */
uint32_t ct_nccl_log_nets(const struct ct_nccl_log *log, uint32_t *direct);

#endif
