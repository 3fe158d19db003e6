#!/usr/bin/env bash
# Two implementations in one run: the core beside itself passes and stays deterministic, checkpoints
# and branches included; a bug that only the second one has is found only after the upgrade, and is
# replayed from the file.
#
# Usage: upgrade.sh SQUALL SCENARIO CORE.so BROKEN.so SCRATCH
set -euo pipefail
squall=$1 scenario=$2 core=$3 broken=$4 scratch=$5
rm -rf "$scratch"
mkdir -p "$scratch"
failed=0

expects() { # STATUS WHAT COMMAND…
    local wanted=$1 what=$2 status=0
    shift 2
    "$@" >"$scratch/out.txt" 2>&1 || status=$?
    if [ "$status" -ne "$wanted" ]; then
        tail -n 20 "$scratch/out.txt"
        echo "$what: exit $status, wanted $wanted"
        failed=1
    fi
}

hashes() { # OPTION…
    "$squall" run "$scenario" --no-db --hashes "$@" | grep ' hash ' | sort
}

expects 0 "the core beside itself" "$squall" verify "$scenario" --sut-next "$core" --no-db
expects 0 "branches of the core beside itself" \
    "$squall" sweep "$scenario" --sut-next "$core" --limit 2000 --no-db
expects 0 "profiles with upgrades" \
    "$squall" run --profile swarm --seeds 1..100 --sut-next "$core" --no-db

# The hash says which implementation a node is of, and not that there is a second one.
if cmp -s <(hashes) <(hashes --sut-next "$core"); then
    echo "runs with and without a second implementation have the same hashes"
    failed=1
fi
cmp <(hashes --set up=0) <(hashes --set up=0 --sut-next "$core") || {
    echo "a second implementation that nobody is upgraded to changes a run"
    failed=1
}

expects 0 "a broken second implementation that nobody is upgraded to" \
    "$squall" run "$scenario" --set up=0 --sut-next "$broken" --no-db
expects 1 "a broken second implementation" \
    "$squall" run "$scenario" --set crash=false --sut-next "$broken" --db "$scratch/broken.db"
read -r id node event < <(sqlite3 -separator ' ' "$scratch/broken.db" "SELECT e.id, f.node, f.event
    FROM findings f JOIN executions e ON e.id = f.execution ORDER BY e.seed LIMIT 1")
expects 1 "the replay of it" "$squall" replay "$id" --db "$scratch/broken.db" --transcript
grep -q 'the trace hash is the recorded one' "$scratch/out.txt" || { echo "it is another run"; failed=1; }
grep -q "n$node starts from the next implementation" "$scratch/out.txt" || {
    echo "n$node is blamed in event $event, and was never upgraded"
    failed=1
}
expects 2 "what is no implementation" "$squall" run "$scenario" --sut-next "$scenario" --no-db
exit "$failed"
