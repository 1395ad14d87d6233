#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Backend and plugins on real GPUs; skipped, and counted so, where there is none.
exec bash "${CT_SRCDIR:?}/scripts/gpu-check" "${CT_BUILDDIR:?}"
