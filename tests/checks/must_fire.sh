#!/usr/bin/env bash
# The sweep of the whole library finds nothing in the core, and fires every outcome of every fault
# point but those that unfired.txt names with a reason; and none of those.
# Usage: must_fire.sh SQUALL SCENARIOS UNFIRED.txt SCRATCH
set -euo pipefail
squall=$1 scenarios=$2 waived=$3 scratch=$4
rm -rf "$scratch"
mkdir -p "$scratch"

status=0
"$squall" sweep "$scenarios" --db "$scratch/library.db" >"$scratch/out.txt" 2>&1 || status=$?
tail -n 5 "$scratch/out.txt"
if [ "$status" -ne 0 ]; then
    grep -A3 '^[a-z0-9-]*: .* in .* times\?, first bad event' "$scratch/out.txt" || true
    echo "exit $status"
    exit 1
fi
sqlite3 -separator ' ' "$scratch/library.db" \
    'SELECT point, outcome FROM points_never_injected ORDER BY point, outcome' >"$scratch/unfired.txt"
grep -v '^#' "$waived" | cut -d' ' -f1,2 | sort >"$scratch/waived.txt"
sort -o "$scratch/unfired.txt" "$scratch/unfired.txt"
if ! diff "$scratch/waived.txt" "$scratch/unfired.txt" >"$scratch/diff.txt"; then
    sed -n 's/^> /never fired and not waived: /p; s/^< /waived, but it fired: /p' "$scratch/diff.txt"
    exit 1
fi
echo "every outcome fired but $(wc -l <"$scratch/waived.txt") with a reason"
