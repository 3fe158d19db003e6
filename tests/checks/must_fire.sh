#!/usr/bin/env bash
# The sweep of the whole library finds nothing in the core, and fires every outcome of every fault
# point of the class always; and none of those that fault_points.def excepts as rare or never, so
# that no exception outlives its reason. An exit that can only be counted must have been taken.
# With a limit the kinds of injections of each scenario share it out: all are still tried, but what
# the state itself must bring about may not come.
# Usage: must_fire.sh SQUALL SCENARIOS SCRATCH [OPTION-OF-SWEEP…]
set -euo pipefail
squall=$1 scenarios=$2 scratch=$3
shift 3
may_lack=none
[ "$#" -eq 0 ] || may_lack=taken
rm -rf "$scratch"
mkdir -p "$scratch"

status=0
"$squall" sweep "$scenarios" "$@" --db "$scratch/library.db" >"$scratch/out.txt" 2>&1 || status=$?
tail -n 5 "$scratch/out.txt"
if [ "$status" -ne 0 ]; then
    grep -A3 '^[a-z0-9-]*: .* in .* times\?, first bad event' "$scratch/out.txt" || true
    echo "exit $status"
    exit 1
fi
wrong=$(sqlite3 -separator ' ' "$scratch/library.db" "
    SELECT 'always, but it never fired:', point, outcome FROM points_never_injected
    WHERE class = 'always' AND outcome <> '$may_lack' ORDER BY point, outcome;
    SELECT class || ', but it fired:', point, outcome FROM point_matrix
    WHERE class IN ('rare', 'never') AND fired > 0 ORDER BY point, outcome")
if [ -n "$wrong" ]; then
    echo "$wrong"
    exit 1
fi
sqlite3 "$scratch/library.db" "
    SELECT 'every outcome fired but ' || count(*) || ' with a reason' FROM points_never_injected;
    SELECT phase || ', ' || role || ': ' || fired || ' of ' || outcomes || ' outcomes fired'
    FROM phase_summary ORDER BY phase, role"
