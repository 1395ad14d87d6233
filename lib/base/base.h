/* SPDX-License-Identifier: BSD-3-Clause */
/* Door of base: what every other folder stands on. libc and jansson only; knows no collective. */
#ifndef CT_BASE_H
#define CT_BASE_H

#include "colltune.h"

#include "alloc.h"
#include "buf.h"
#include "clock.h"
#include "graph.h"
#include "hist.h"
#include "json.h"
#include "log.h"
#include "names.h"
#include "option.h"
#include "rng.h"
#include "sha256.h"
#include "stats.h"
#include "status.h"
#include "units.h"

#endif
