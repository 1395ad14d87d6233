/* SPDX-License-Identifier: BSD-3-Clause */
/* What floor.c measures inside one process: one rate or one time each, 0 when it cannot be had. */
#ifndef CT_MEASURE_FLOOR_PROBE_H
#define CT_MEASURE_FLOOR_PROBE_H

#include <stdint.h>

/* How long one probe of a rate runs: TRIES windows, of which the median counts. */
enum { CT_PROBE_TRIES = 3, CT_PROBE_WINDOW_NS = 4000000 };

/* Bytes per second of memcpy to the BYTES of A, and of a += b (float). Each block is taken from the
 * next place in the ROOM (a multiple of BYTES) of B, since what a peer sends is in its caches and
 * not in ours. Both buffers were written before. */
uint64_t ct_probe_copy(void *a, const void *b, uint64_t bytes, uint64_t room);
uint64_t ct_probe_reduce(void *a, const void *b, uint64_t bytes, uint64_t room);

/* Bytes per second of a TCP stream over loopback, sent and received in blocks of BYTES by two
 * threads of this process, from B to A. */
uint64_t ct_probe_stream(void *a, const void *b, uint64_t bytes);

/* Half the round trip of one byte over such a connection, ns. */
uint64_t ct_probe_stream_ns(void);

/* One way of a cache line between two processors, ns: the least over a near and a far pair; with
 * one processor the time of two threads that take turns. */
uint64_t ct_probe_hop_ns(void);

#endif
