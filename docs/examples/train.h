/* SPDX-License-Identifier: BSD-3-Clause */
/* A small data-parallel training job: the same code under any launcher. See training.md. */
#ifndef TRAIN_H
#define TRAIN_H

#include <colltune.h>

/* Adds up COUNT floats over all ranks, in place; 0 or -1. */
typedef int train_sum(void *arg, float *data, size_t count);

struct train_options {
	const char *data, *rules, *net, *backends, *module_dir; /* NULL but data: the library's own */
	const char *sum;   /* "ct": ct_allreduce; "gather": everything to everyone; or the program's own */
	int steps, hidden; /* width of both hidden layers */
	int deterministic;
};

/* Fills OPTIONS from the command line; -1 after a word on stderr. OWN: a name for --sum besides "ct" and
 * "gather", or NULL. */
int train_parse(int argc, char **argv, const char *own, struct train_options *options);

/* One rank of the job over BOOT. Rank 0 prints the loss of every step as a hexadecimal number, to the last
 * bit, and lines that begin with '#': who did the sums, and how long a step took. OWN does the sums if
 * OPTIONS->sum names the program's own. 0, or 1 after a word on stderr. */
int train_rank(const struct ct_boot *boot, const struct train_options *options, train_sum *own, void *arg);

#endif
