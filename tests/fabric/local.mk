# SPDX-License-Identifier: BSD-3-Clause
# Fabrics simulated by ibsim. Its library is preloaded, which a sanitizer's must be before: these
# tests are not for those builds, those over files are.
EXTRA_DIST += tests/fabric/fattree tests/fabric/ibsim.sh
shell_tests += tests/cli/fabric_file.t tests/cli/fabric_cluster.t
if WITH_IBNETDISC
if !SANITIZE
shell_tests += tests/fabric/count.t tests/fabric/faults.t tests/fabric/draw.t \
	tests/fabric/partial.t
endif
endif
EXTRA_DIST += tests/fabric/count.t tests/fabric/faults.t tests/fabric/draw.t tests/fabric/partial.t
