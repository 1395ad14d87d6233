/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a type of cluster should reach: figures with their sources, bands, and waivers for what is known
 * and will be mended. People write profiles as YAML (docs/formats.md); the command reads them. Part of
 * the door of accept.
 */
#ifndef CT_ACCEPT_PROFILE_H
#define CT_ACCEPT_PROFILE_H

#include "base/base.h"
#include "model/model.h"

enum { CT_PROFILE_NAME = 64, CT_PROFILE_TEXT = 240, CT_PROFILE_ROWS = 256 };

/* What one operation should reach. */
struct ct_profile_figure {
	ct_coll coll;
	char backend[24];                 /* "" = any */
	uint64_t least_bytes, most_bytes; /* inclusive; most 0 = no limit */
	uint32_t least_nodes, most_nodes; /* the same */
	double busbw_Bps;                 /* 0: judged by its time */
	double time_ns;
	struct ct_bands bands;            /* 0 = the profile's */
	char source[CT_PROFILE_TEXT];
};

/* What is known to be slow and is not held against the cluster until then. */
struct ct_waiver {
	char part[96];   /* host, "rank 3", "rail 2", "leaf 5", or operation as in a figure */
	char reason[CT_PROFILE_TEXT];
	char until[11];  /* last day, "2026-12-31" */
};

struct ct_profile {
	char name[CT_PROFILE_NAME], title[CT_PROFILE_TEXT];
	uint32_t nics;      /* of a node; 0 = not told */
	uint64_t link_Mbps; /* of each */
	struct ct_bands rate, link, latency; /* 0 = accept's own */
	struct ct_profile_figure *figures;
	size_t nfigures;
	struct ct_waiver *waivers;
	size_t nwaivers;
};

void ct_profile_free(struct ct_profile *profile);

/* One of its figures, held against what was measured. */
struct ct_profile_result {
	uint32_t figure;       /* index of the profile's */
	int64_t best;          /* index of the report's figures; -1 = not measured */
	double efficiency, low, high;
	enum ct_verdict verdict;
	char note[CT_PROFILE_TEXT];
};

#endif
