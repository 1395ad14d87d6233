/* SPDX-License-Identifier: BSD-3-Clause */
/* A node as the boxes and links of a drawing: processors nested as they are, PCI as a tree of links. */
#ifndef CT_BENCH_NODE_BOXES_H
#define CT_BENCH_NODE_BOXES_H

#include "topo/topo.h"

#define CT_BOX_NONE SIZE_MAX

enum { CT_BOX_LINES = 4, CT_BOX_LINE_ROOM = 40 };

/* What a PCIe link runs at, and what it could; "" = not told. */
struct ct_box_link {
	char rate[CT_BOX_LINE_ROOM];  /* "32 GT/s x16" */
	char under[CT_BOX_LINE_ROOM]; /* "504 Gbit/s", or "degraded: can 32x16" */
	unsigned int lanes;	      /* 0 = not told */
	bool low;
};

struct ct_node_box {
	const char *kind; /* machine package numa | host switch gpu nic other | nvswitch */
	size_t inside;	  /* the earlier box that it lies in */
	size_t above;	  /* the earlier box that its link leads to, or CT_BOX_NONE */
	struct ct_box_link link;
	unsigned int nvlinks; /* of a GPU, to the NVSwitches */
	char nvrate[24];      /* of all of them, each way; "" = not told */
	char title[64];
	char line[CT_BOX_LINES][CT_BOX_LINE_ROOM];
	bool red[CT_BOX_LINES], low; /* a red line, or a degraded link */
	int lines;
	int x, y, width, height; /* for who draws */
};

/* boxes[0] is the machine. nvswitch: a box of its own, or CT_BOX_NONE. */
struct ct_node_boxes {
	struct ct_node_box *boxes;
	size_t n, room, nvswitch;
};

/* Freed with ct_node_boxes_free(). CT_NOMEM. */
ct_status ct_node_boxes_make(const struct ct_machine *machine, struct ct_node_boxes *boxes);
void ct_node_boxes_free(struct ct_node_boxes *boxes);

/* Processors, memory and the machine, that hold others; else a device. */
bool ct_box_holds(const struct ct_node_box *box);

#endif
