/* SPDX-License-Identifier: BSD-3-Clause */
/* Style, script and chart library of the page, put into the program when it is built. */
#ifndef CT_BENCH_REPORT_ASSETS_H
#define CT_BENCH_REPORT_ASSETS_H

#include <stddef.h>

/* Each with its length; the chart library's is 0 when configure found none. Not NUL-terminated. */
struct ct_asset {
	const char *text;
	size_t bytes;
};

struct ct_asset ct_asset_css(void);
struct ct_asset ct_asset_js(void);
struct ct_asset ct_asset_charts(void);

#endif
