# SPDX-License-Identifier: BSD-3-Clause
# model: cost and expectation, pure arithmetic.
core_sources += lib/model/expect.c lib/model/loggp.c lib/model/model.h
