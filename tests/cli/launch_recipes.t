#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Recipes for launchers, with stand-ins for srun, mpirun and scontrol: what they call, and what they make of
# the outcome. The MPIJob against the shape that the mpi-operator's own definition asks for.
. "${CT_SRCDIR:?}/tests/tap.sh" || exit 99
scripts=$CT_SRCDIR/scripts
for f in slurm/accept.sbatch slurm/health-check mpirun-accept; do
	ok "$f: bash -n" bash -n "$scripts/$f"
done

# Stand-ins write down how they were called.
bin=${tmp:?}/bin
mkdir "$bin" || exit 99
cat > "$bin/srun" << EOF
#!/bin/bash
printf '%s\n' "\$*" >> "$tmp/srun.log"
while [ "\${1#-}" != "\$1" ]; do shift; done
exec "\$@"
EOF
cat > "$bin/scontrol" << EOF
#!/bin/bash
printf '%s\n' "\$*" >> "$tmp/scontrol.log"
EOF
cat > "$bin/fake" << EOF
#!/bin/bash
printf '%s\n' "\$*" >> "$tmp/fake.log"
echo "verdict: \${FAKE_VERDICT:-pass} (\${FAKE_REASON:-all well})"
exit "\${FAKE_STATUS:-0}"
EOF
cat > "$bin/mpirun" << EOF
#!/bin/bash
[ "\$1" = --version ] && { echo "mpirun (\${FAKE_MPI:-Open MPI}) 4"; exit; }
printf '%s\n' "\$*" > "$tmp/mpirun.log"
EOF
chmod +x "$bin/srun" "$bin/scontrol" "$bin/fake" "$bin/mpirun"
PATH=$bin:$PATH

job() { # job RESTARTS: the sbatch as Slurm would start it
	run env SLURM_JOB_ID=17 SLURM_RESTART_COUNT="$1" SLURM_SUBMIT_DIR="$tmp" COLLTUNE=fake \
		bash "$scripts/slurm/accept.sbatch" --profile cpu-cluster
}
job 0
is "sbatch: ends as the command does" "$status" 0
is "sbatch: the command" "$(cat "$tmp/fake.log")" "accept --budget 15m --out $tmp/accept-17 --profile cpu-cluster"
like "sbatch: srun brings the ranks together" "$(cat "$tmp/srun.log")" '^--mpi=pmix '
mkdir "$tmp/accept-17"
job 1
like "sbatch: a requeued job goes on" "$(tail -n 1 "$tmp/fake.log")" "accept-17 --resume --profile"
not_ok "sbatch: outside Slurm it says so" env -u SLURM_JOB_ID bash "$scripts/slurm/accept.sbatch"

health() { # health STATUS VERDICT REASON
	rm -f "$tmp/scontrol.log"
	run env -u SLURM_JOB_ID FAKE_STATUS="$1" FAKE_VERDICT="$2" FAKE_REASON="$3" COLLTUNE=fake \
		SLURMD_NODENAME=n7 "$scripts/slurm/health-check"
}
health 0 pass well
is "health check: pass" "$status" 0
health 5 inconclusive noise
is "health check: noise takes no node away" "$status" 0
ok "health check: nothing is drained" [ ! -e "$tmp/scontrol.log" ]
# shellcheck disable=SC2016 # must not be expanded
health 1 fail 'links $(reboot) `x` "y" 3 %'
is "health check: a failure" "$status" 1
is "health check: drains with a harmless reason" "$(cat "$tmp/scontrol.log")" \
	"update NodeName=n7 State=DRAIN Reason=colltune: fail (links (reboot) x y 3 %)"
run env FAKE_STATUS=1 COLLTUNE=fake SLURM_JOB_ID=3 "$scripts/slurm/health-check"
is "as prolog: the exit status says it" "$status" 1
health 3 - -
is "health check: what is no verdict drains nothing" "$status" 0
run env HEALTH_SECONDS=1 HEALTH_RANKS=2 SLURM_NTASKS=4 SLURM_PROCID=0 COLLTUNE="${COLLTUNE:?}" \
	timeout 360 "$scripts/slurm/health-check"
ok "health check: the real command is no error" [ "$status" -le 1 ]
unlike "health check: the real command ends with a verdict" "$err" 'ended with status'

printf '# racks\nnode01 slots=8\n\nnode02 slots=8\nnode02\n' > "$tmp/hosts"
run env COLLTUNE=colltune "$scripts/mpirun-accept" "$tmp/hosts" 8 --budget 5m
like "mpirun: Open MPI" "$(cat "$tmp/mpirun.log")" \
	"^--hostfile $tmp/hosts --map-by ppr:8:node --bind-to core colltune accept --out accept-[0-9TZ]+ --budget 5m$"
run env FAKE_MPI=HYDRA "$scripts/mpirun-accept" "$tmp/hosts" 8
like "mpirun: Hydra" "$(cat "$tmp/mpirun.log")" "^-f $tmp/hosts -ppn 8 -n 16 "
run "$scripts/mpirun-accept" "$tmp/hosts" x
is "mpirun: no number" "$status $(grep -c . <<< "$err")" "2 1"
printf '# none\n' > "$tmp/none"
run "$scripts/mpirun-accept" "$tmp/none" 8
like "mpirun: no host" "$err" 'names no host'

python=/usr/bin/python3
cat > "$tmp/mpijob.py" << 'EOF'
import sys
import yaml

job = yaml.safe_load(open(sys.argv[1], encoding="utf-8"))
spec = job["spec"]
replicas = spec["mpiReplicaSpecs"]
# the properties of the operator's kubeflow.org_mpijobs.yaml, version v2beta1
known = {"launcherCreationPolicy", "mpiImplementation", "mpiReplicaSpecs", "runLauncherAsWorker", "runPolicy",
         "slotsPerWorker", "sshAuthMountPath"}
policy = {"activeDeadlineSeconds", "backoffLimit", "cleanPodPolicy", "managedBy", "schedulingPolicy", "suspend",
          "ttlSecondsAfterFinished"}
print(job["apiVersion"], job["kind"], sorted(set(spec) - known), sorted(set(spec["runPolicy"]) - policy),
      sorted(replicas), replicas["Launcher"]["replicas"],
      [sorted(set(r) - {"replicas", "restartPolicy", "template"}) for r in replicas.values()],
      all(c["image"] and c["name"] for r in replicas.values() for c in r["template"]["spec"]["containers"]))
EOF
if "$python" -c 'import yaml' 2> /dev/null; then
	is "MPIJob: its shape" "$("$python" "$tmp/mpijob.py" "$scripts/kubernetes/mpijob.yaml")" \
		"kubeflow.org/v2beta1 MPIJob [] [] ['Launcher', 'Worker'] 1 [[], []] True"
else
	skip "MPIJob: its shape" "python3-yaml is not installed"
fi
ok "ReFrame example: Python takes it" "$python" -c 'import ast, sys; ast.parse(open(sys.argv[1]).read())' \
	"$scripts/reframe/colltune_accept.py"
tap_done
