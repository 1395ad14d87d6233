/* SPDX-License-Identifier: BSD-3-Clause */
/* The checks behind the rows of roce_rules.c. */
#ifndef CT_ADVISE_ROCE_CHECKS_H
#define CT_ADVISE_ROCE_CHECKS_H

#include "advise.h"

/* roce_settings.c: what is set at an end. */
ct_roce_check ct_roce_data_priority, ct_roce_dscp_map, ct_roce_tos_differ, ct_roce_pfc_peer,
	ct_roce_peer_app, ct_roce_dcbx_willing, ct_roce_storm_guard, ct_roce_both_pauses, ct_roce_gid, ct_roce_mtu,
	ct_roce_dcqcn_off, ct_roce_cnp_class, ct_roce_iommu, ct_roce_bond_hash;

/* roce_signs.c: what it counted. */
ct_roce_check ct_roce_traffic_priority, ct_roce_silent_loss, ct_roce_lossless_loss, ct_roce_pfc_off,
	ct_roce_oversize, ct_roce_pause_storm, ct_roce_host_pauses, ct_roce_cnp_without_marks,
	ct_roce_reordering, ct_roce_cnp_ignored, ct_roce_ecn_late, ct_roce_link_errors;

/* roce_rides.c: on what each library's flows left. */
ct_roce_check ct_roce_library_told, ct_roce_library_contract;

/* roce_probes.c: what somebody measured, of the host as a whole. */
ct_roce_host_check ct_roce_rail_reach, ct_roce_gpu_path, ct_roce_flow_collision, ct_roce_ece,
	ct_roce_ordering, ct_roce_one_direction, ct_roce_ecn_early, ct_roce_ce_marks;

#endif
