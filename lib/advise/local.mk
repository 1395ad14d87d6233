# SPDX-License-Identifier: BSD-3-Clause
# advise: facts and results to findings.
core_sources += \
	lib/advise/advise.c lib/advise/advise.h \
	lib/advise/attachment.c \
	lib/advise/compare.c lib/advise/compare.h \
	lib/advise/devices.c \
	lib/advise/differ.c \
	lib/advise/duel.c \
	lib/advise/cabling.c \
	lib/advise/fabric.c lib/advise/fabric.h \
	lib/advise/host.c \
	lib/advise/network.c \
	lib/advise/order.c \
	lib/advise/paths.c \
	lib/advise/profile_nics.c \
	lib/advise/rails.c \
	lib/advise/nccl_job.c lib/advise/nccl_job.h lib/advise/nccl_job_read.c \
	lib/advise/ladder.c lib/advise/ladder.h \
	lib/advise/results.c \
	lib/advise/roce.h lib/advise/roce_ecn.c lib/advise/roce_headroom.c \
	lib/advise/roce_plan.h lib/advise/roce_recommend.c lib/advise/roce_profiles.c \
	lib/advise/roce_contract.c lib/advise/roce_sonic.c lib/advise/roce_cumulus.c lib/advise/roce_eos.c \
	lib/advise/roce_rules.h lib/advise/roce_rules.c lib/advise/roce_checks.h lib/advise/roce_settings.c \
	lib/advise/roce_signs.c lib/advise/roce_probes.c lib/advise/roce_rides.c \
	lib/advise/roce_nos.c lib/advise/roce_host.c \
	lib/advise/rules.h \
	lib/advise/show.c \
	lib/advise/sides.c lib/advise/sides.h \
	lib/advise/verdict.c
