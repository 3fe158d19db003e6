#!/usr/bin/env bash
# Every raft_entry_drop() matters: each copy of the core that misses one of them is found by a sweep
# as a finding of the ledger. Usage: drop_mutants.sh SQUALL SCRATCH SCENARIO… -- MUTANT.so…
set -euo pipefail
squall=$1 scratch=$2
shift 2
scenarios=()
while [ "$1" != -- ]; do
    scenarios+=("$1")
    shift
done
shift
rm -rf "$scratch"
mkdir -p "$scratch"
failed=0

for mutant in "$@"; do
    db=$scratch/$(basename "$mutant" .so).db
    status=0
    "$squall" sweep "${scenarios[@]}" --seeds 1..1 --sut "$mutant" --db "$db" \
        >"$scratch/out.txt" 2>&1 || status=$?
    count=$(sqlite3 "$db" "SELECT count(*) FROM findings WHERE rule = 'ledger'" 2>/dev/null || echo 0)
    if [ "$status" -ne 1 ] || [ "$count" -eq 0 ]; then
        tail -n 20 "$scratch/out.txt"
        echo "$(basename "$mutant"): exit $status with $count findings of the ledger: not caught"
        failed=1
    else
        echo "$(basename "$mutant"): caught"
    fi
done
exit "$failed"
