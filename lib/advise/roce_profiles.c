/* SPDX-License-Identifier: BSD-3-Clause */
/* ECN thresholds as vendors, operators and simulators published them, for the whole queue, in bytes. Where
 * a second-hand text is the source, its row says so. */
#include "roce_plan.h"

static const struct ct_roce_profile profiles[] = {
	{ "HPCC simulator", "alibaba-edu/High-Precision-Congestion-Control, simulation/run.py", 25, 25,
		100e3, 400e3, 20, false },
	{ "HPCC simulator", "alibaba-edu/High-Precision-Congestion-Control, simulation/run.py", 50, 50,
		200e3, 800e3, 20, false },
	{ "HPCC simulator", "alibaba-edu/High-Precision-Congestion-Control, simulation/run.py", 100, 100,
		400e3, 1600e3, 20, false },
	{ "DCTCP step in HPCC's simulator",
		"alibaba-edu/High-Precision-Congestion-Control, simulation/run.py", 1, 1600, 3e3, 3e3, 100,
		true },
	{ "SimAI, HPN7", "aliyun/SimAI, SimAI.conf", 200, 200, 300e3, 1200e3, 80, false },
	{ "SimAI, HPN7", "aliyun/SimAI, SimAI.conf", 400, 400, 800e3, 3200e3, 20, false },
	{ "SimAI, HPN7", "aliyun/SimAI, SimAI.conf", 1600, 1600, 600e3, 2400e3, 20, false },
	{ "ConWeave", "conweave-project/conweave-ns3 (calls HPCC's too large)", 100, 100, 100e3, 400e3, 20,
		false },
	{ "Cumulus Linux, qos roce", "Cumulus Linux 5.14 manual, RDMA over Converged Ethernet", 1, 1600,
		150e3, 1500e3, 100, false },
	{ "SONiC, AZURE_LOSSLESS", "sonic-net/sonic-buildimage, files/build_templates/qos_config.j2", 1,
		1600, 1048576, 2097152, 5, false },
	{ "Cisco's examples", "an article on Cisco and RoCE (second hand)", 100, 100, 150e3, 3000e3, 7,
		false },
	{ "Azure Local, top of rack", "Azure Local reference switch QoS (second hand)", 25, 100, 300e3,
		300e3, 100, false },
	{ "Arista leaf", "an article on EOS and RoCEv2 (second hand)", 100, 400, 256e3, 512e3, 100, false },
	{ "Arista spine", "an article on EOS and RoCEv2 (second hand)", 100, 400, 512e3, 768e3, 100, false },
	{ "Dell OS10", "a collection of cases (second hand)", 100, 100, 500e3, 1500e3, 20, false },
	{ NULL, NULL, 0, 0, 0, 0, 0, false },
};

const struct ct_roce_profile *ct_roce_profiles(void)
{
	return profiles;
}
