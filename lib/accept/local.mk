# SPDX-License-Identifier: BSD-3-Clause
# accept: stages and verdicts.
core_sources += \
	lib/accept/accept.h \
	lib/accept/collectives.c \
	lib/accept/blame.c \
	lib/accept/climb.c \
	lib/accept/differences.c \
	lib/accept/environment.c \
	lib/accept/fit.c lib/accept/fit.h \
	lib/accept/host_leaves.c \
	lib/accept/isolate.c lib/accept/isolate.h lib/accept/isolate_json.c \
	lib/accept/json.c \
	lib/accept/leaves.c \
	lib/accept/judge.c \
	lib/accept/pairing.c \
	lib/accept/pairs.c \
	lib/accept/pretend.c lib/accept/pretend.h lib/accept/pretend_source.c \
	lib/accept/print.c \
	lib/accept/profile.c lib/accept/profile.h \
	lib/accept/probes.c lib/accept/probes.h \
	lib/accept/run.c lib/accept/run.h \
	lib/accept/soak.c \
	lib/accept/stages.c
# What types of clusters should reach.
profilesdir = $(pkgdatadir)/profiles
dist_profiles_DATA = \
	lib/accept/profiles/cloud-vm.yaml \
	lib/accept/profiles/cpu-cluster.yaml \
	lib/accept/profiles/dgx-a100-hdr.yaml \
	lib/accept/profiles/hgx-h100-ndr.yaml \
	lib/accept/profiles/hgx-h100-roce400.yaml \
	lib/accept/profiles/micro-npu.yaml \
	lib/accept/profiles/pcie-gpu-roce.yaml
