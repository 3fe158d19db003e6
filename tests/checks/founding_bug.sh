#!/usr/bin/env bash
# The bug that this project exists for: a broken copy of the core whose early return forgets the
# release of an entry is found by the sweep of the founding scenario, and the finding names the
# holder, the place and the replay; the unbroken core passes the same sweep.
#
# Usage: founding_bug.sh SQUALL SCENARIO BROKEN.so SCRATCH
set -euo pipefail
squall=$1 scenario=$2 broken=$3 scratch=$4
rm -rf "$scratch"
mkdir -p "$scratch"

status=0
"$squall" sweep "$scenario" --seeds 1..2 --sut "$broken" --db "$scratch/broken.db" \
    >"$scratch/broken.txt" 2>&1 || status=$?
cat "$scratch/broken.txt"
[ "$status" -eq 1 ] || { echo "the broken core: exit $status, wanted 1"; exit 1; }

findings=$("$squall" report "$scratch/broken.db")
leaks=$(sqlite3 "$scratch/broken.db" "SELECT count(*) FROM leaks WHERE holder = 'replication'
    AND site LIKE 'core/raft/%'")
[ "$leaks" -gt 0 ] || { echo "no leak of holder replication is recorded"; echo "$findings"; exit 1; }
grep -q ledger <<<"$findings" || { echo "the report names no ledger finding"; echo "$findings"; exit 1; }

"$squall" sweep "$scenario" --seeds 1..2 --no-db
echo "the broken core is found, the core passes"
