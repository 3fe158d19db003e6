#!/usr/bin/env bash
# Whatever an oracle leaves out it counts, and a unit test has seen it do so: each waiver of
# waivers.def is counted at a place of sim/, and named by a unit test, which reaches it.
#
# Usage: waivers.sh ROOT
set -euo pipefail
cd "$1"
list=sim/waivers.def
failed=0

listed=$(sed -nE 's/^SIM_WAIVER\(([A-Z0-9_]+),.*/\1/p' "$list")
[ -n "$listed" ] || { echo "$list: no waiver"; exit 1; }
for id in $listed; do
    grep -qE "\bsim_oracle_waive\(.*\bSIM_WAIVER_$id\)" sim/*.c || {
        echo "$list: $id is counted nowhere"
        failed=1
    }
    grep -qE "\bSIM_WAIVER_$id\b" tests/unit/*.c || {
        echo "$list: no unit test reaches $id"
        failed=1
    }
done
exit "$failed"
