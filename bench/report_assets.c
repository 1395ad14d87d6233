/* SPDX-License-Identifier: BSD-3-Clause */
#include "report_assets.h"

/* One file between two symbols, in the section of constants. */
#define ASSET(name, path)                                                                          \
	__asm__(".section .rodata\n.global ct_asset_" #name "_begin\nct_asset_" #name              \
		"_begin:\n.incbin \"" path "\"\n.global ct_asset_" #name "_end\nct_asset_" #name   \
		"_end:\n.byte 0\n.previous\n");                                                    \
	extern const char ct_asset_##name##_begin[], ct_asset_##name##_end[];                      \
	struct ct_asset ct_asset_##name(void)                                                      \
	{                                                                                          \
		return (struct ct_asset){ ct_asset_##name##_begin,                                 \
			(size_t)(ct_asset_##name##_end - ct_asset_##name##_begin) };               \
	}

ASSET(css, CT_PAGE_DIR "/page.css")
ASSET(js, CT_PAGE_DIR "/page.js")
ASSET(charts, CT_CHART_JS)
