# SPDX-License-Identifier: BSD-3-Clause
"""ReFrame example: colltune accept as a regression test of a system.

reframe -C SETTINGS.py -c scripts/reframe/colltune_accept.py -r -S num_nodes=4
"""
import json
import os

import reframe as rfm
import reframe.utility.sanity as sn


@rfm.simple_test
class ColltuneAccept(rfm.RunOnlyRegressionTest):
    """The verdict is the sanity check; bus bandwidth of all-reduce is tracked over time."""

    num_nodes = variable(int, value=2)
    budget = variable(str, value="5m")
    profile = variable(str, value="")
    valid_systems = ["*"]
    valid_prog_environs = ["*"]
    executable = "colltune"
    time_limit = "30m"
    tags = {"acceptance", "network"}

    @run_before("run")
    def choose(self):
        if self.current_partition.processor.num_cores:
            self.num_tasks_per_node = min(8, self.current_partition.processor.num_cores)
        else:
            self.num_tasks_per_node = 4
        self.num_tasks = self.num_nodes * self.num_tasks_per_node
        self.executable_opts = ["accept", "--budget", self.budget, "--json", "verdict.json"]
        if self.profile:
            self.executable_opts += ["--profile", self.profile]

    @sanity_function
    def verdict(self):
        # exit status 5, inconclusive, is no failure of the system
        return sn.assert_found(r"^verdict: (pass|warn|inconclusive)", self.stdout)

    @performance_function("GB/s")
    def allreduce(self):
        with open(os.path.join(self.stagedir, "verdict.json"), encoding="utf-8") as f:
            figures = json.load(f)["figures"]
        return max((f["busbw_Bps"] / 1e9 for f in figures if f["coll"] == "allreduce"), default=0.0)
