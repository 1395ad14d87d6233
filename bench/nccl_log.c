/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lines of NCCL_DEBUG=INFO, subsystems INIT and NET, as 2.18 to 2.28 write them:
 *   … NCCL INFO Channel 00/0 : 0[0] -> 1[0] [send] via NET/IB/0/GDRDMA
 *   … NCCL INFO Channel 01 : 1[1] -> 0[0] via SHM/direct/direct
 *   … NCCL INFO NET/IB : Using [0]mlx5_0:1/RoCE [1]mlx5_1:1/RoCE [RO]; OOB eth0:10.0.0.1<0>
 *   … NCCL INFO NET/IB : GPU Direct RDMA Disabled for HCA 0 'mlx5_0'
 */
#include "nccl_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"

enum { LOG_MOST = 16 << 20, LINE_MOST = 4096 };

/* Index of WORD among N; added where it is new and there is room, else -1. */
static int place_of(char (*words)[CT_LOG_WORD], uint32_t *n, uint32_t most, const char *word)
{
	char clean[CT_LOG_WORD];

	ct_text_clean(clean, sizeof(clean), word);
	for (uint32_t i = 0; i < *n; i++)
		if (strcmp(words[i], clean) == 0)
			return (int)i;
	if (*n >= most)
		return -1;
	memcpy(words[*n], clean, sizeof(clean));
	return (int)(*n)++;
}

static void count_way(struct ct_nccl_log *log, long channel, const char *way, uint32_t times)
{
	int at = channel >= 0 && channel < CT_LOG_CHANNELS ?
		place_of(log->ways, &log->nways, CT_LOG_WAYS, way) : -1;

	if (at < 0)
		log->cut++;
	else if (log->uses[channel][at] + times <= UINT16_MAX)
		log->uses[channel][at] = (uint16_t)(log->uses[channel][at] + times);
}

/* TEXT begins behind "Channel ". */
static void take_channel(struct ct_nccl_log *log, const char *text)
{
	char *end, way[LINE_MOST];
	long channel = strtol(text, &end, 10);
	const char *via = strstr(text, " via ");

	if (end == text || via == NULL)
		return; /* a ring's ranks: "Channel 00/02 : 0 1 2 3" */
	snprintf(way, sizeof(way), "%s", via + 5);
	way[strcspn(way, "\r\n")] = '\0';
	count_way(log, channel, way, 1);
}

/* LIST: " [0]mlx5_0:1/RoCE [1]mlx5_1:1/RoCE [RO]; OOB …", NET its name: "NET/IB". */
static void take_nics(struct ct_nccl_log *log, const char *net, const char *list)
{
	char word[2 * CT_LOG_WORD];

	for (const char *p = strchr(list, '['); p != NULL && p < list + strcspn(list, ";\r\n");
		p = strchr(p + 1, '[')) {
		char *end;
		long index = strtol(p + 1, &end, 10);

		if (end == p + 1 || *end != ']')
			continue;
		snprintf(word, sizeof(word), "%.20s/%ld = %.*s", net, index, (int)strcspn(end + 1, " ;\r\n"),
			end + 1);
		if (place_of(log->nics, &log->nnics, CT_LOG_NICS, word) < 0)
			log->cut++;
	}
}

void ct_nccl_log_line(struct ct_nccl_log *log, const char *line)
{
	const char *info = strstr(line, "NCCL INFO "), *at, *colon;
	char net[24];

	if (info == NULL)
		return;
	info += 10;
	if (strncmp(info, "Channel ", 8) == 0) {
		take_channel(log, info + 8);
		return;
	}
	if (strncmp(info, "NET/", 4) != 0)
		return;
	colon = strstr(info, " : ");
	if (colon == NULL)
		return;
	snprintf(net, sizeof(net), "%.*s", (int)(colon - info), info);
	at = colon + 3;
	if (strncmp(at, "Using", 5) == 0)
		take_nics(log, net, at + 5);
	else if (strncmp(at, "GPU Direct RDMA Enabled", 23) == 0)
		log->direct_on++;
	else if (strncmp(at, "GPU Direct RDMA Disabled", 24) == 0)
		log->direct_off++;
}

void ct_nccl_log_read(struct ct_nccl_log *log, int fd)
{
	char line[LINE_MOST], block[4096];
	size_t used = 0;
	off_t at = 0;
	ssize_t n;

	while (at < LOG_MOST && (n = pread(fd, block, sizeof(block), at)) > 0) {
		at += n;
		for (ssize_t i = 0; i < n; i++) {
			if (block[i] != '\n') {
				if (used < sizeof(line) - 1)
					line[used++] = block[i];
				continue;
			}
			line[used] = '\0';
			ct_nccl_log_line(log, line);
			used = 0;
		}
	}
}

void ct_nccl_log_add(struct ct_nccl_log *log, const struct ct_nccl_log *more)
{
	for (uint32_t w = 0; w < more->nways && w < CT_LOG_WAYS; w++)
		for (int c = 0; c < CT_LOG_CHANNELS; c++)
			if (more->uses[c][w] > 0)
				count_way(log, c, more->ways[w], more->uses[c][w]);
	for (uint32_t i = 0; i < more->nnics && i < CT_LOG_NICS; i++)
		if (place_of(log->nics, &log->nnics, CT_LOG_NICS, more->nics[i]) < 0)
			log->cut++;
	log->direct_on += more->direct_on;
	log->direct_off += more->direct_off;
	log->cut += more->cut;
}

uint32_t ct_nccl_log_nets(const struct ct_nccl_log *log, uint32_t *direct)
{
	uint32_t all = 0;

	*direct = 0;
	for (uint32_t w = 0; w < log->nways; w++) {
		uint32_t here = 0;

		if (strstr(log->ways[w], "NET/") == NULL)
			continue;
		for (int c = 0; c < CT_LOG_CHANNELS; c++)
			here += log->uses[c][w];
		all += here;
		if (strstr(log->ways[w], "GDRDMA") != NULL)
			*direct += here;
	}
	return all;
}
