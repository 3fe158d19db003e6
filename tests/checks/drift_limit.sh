#!/usr/bin/env bash
# Searches for the largest drift of clocks that a configuration survives, by bisection, and compares it
# with what its options promise: leases must hold up to that, and cannot hold far beyond it.
# For another configuration run it by hand with more seeds or another bound.
#
# Usage: drift_limit.sh SQUALL lease_drift.lua [DRIFT_PPM [SEEDS]]
set -euo pipefail
squall=$1 scenario=$2 told=${3:-100000} seeds=${4:-1..30}

survives() { # PPM
    local status=0
    "$squall" run "$scenario" --set "drift_ppm=$told" --set "real_ppm=$1" --seeds "$seeds" --no-db \
        >/dev/null 2>&1 || status=$?
    [ "$status" -le 1 ] || { echo "exit $status at $1 ppm"; exit 1; }
    return "$status"
}

low=$told high=$((3 * told))
survives "$low" || { echo "leases that allow $told ppm do not survive as much"; exit 1; }
if survives "$high"; then
    echo "leases that allow $told ppm survive $high: the search cannot see them end"
    exit 1
fi
while [ $((high - low)) -gt $((told / 50)) ]; do
    middle=$(((low + high) / 2))
    if survives "$middle"; then low=$middle; else high=$middle; fi
done
echo "options that allow $told ppm survive $low ppm, and not $high"
