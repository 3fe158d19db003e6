#!/usr/bin/env bash
# The bug that this project exists for: a broken copy of the core whose early return forgets the
# release of an entry. The founding scenario finds it, and the finding names the holder, the entry,
# the event and the place. A sweep of a scenario that knows nothing of it finds it too, and its plan
# names the fault point. The unbroken core passes the same sweeps.
#
# Usage: founding_bug.sh SQUALL FOUNDING-SCENARIO OTHER-SCENARIO BROKEN.so SCRATCH
set -euo pipefail
squall=$1 founding=$2 other=$3 broken=$4 scratch=$5
rm -rf "$scratch"
mkdir -p "$scratch"
failed=0

found() { # SCENARIO DATABASE CONDITION
    local status=0 count
    "$squall" sweep "$1" --seeds 1..2 --sut "$broken" --db "$2" >"$scratch/out.txt" 2>&1 || status=$?
    count=$(sqlite3 "$2" "SELECT count(*) FROM findings JOIN executions ON executions.id = execution
        WHERE rule = 'ledger' AND message LIKE '%entry (term %, index %) as replication%held in event %'
        AND message LIKE '%core/raft/replication.c:%' AND $3")
    if [ "$status" -ne 1 ] || [ "$count" -eq 0 ]; then
        cat "$scratch/out.txt"
        sqlite3 "$2" 'SELECT rule, plan, message FROM findings JOIN executions
            ON executions.id = execution LIMIT 10'
        echo "$1: exit $status, wanted 1; $count findings that name the leak"
        failed=1
    fi
}

found "$founding" "$scratch/founding.db" "TRUE"
found "$other" "$scratch/other.db" "plan LIKE 'replication.prepare.readonly#%'"
"$squall" report "$scratch/other.db" >"$scratch/report.txt"
grep -q 'replication.prepare.readonly#' "$scratch/report.txt" || {
    echo "the report does not name the fault point"
    failed=1
}

"$squall" sweep "$founding" "$other" --seeds 1..2 --no-db
exit "$failed"
