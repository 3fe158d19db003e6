#!/usr/bin/env bash
# A scenario that finds nothing because nothing happens in it is worthless. Over many seeds, the
# nemesis scenario passes with all oracles on, and its median seed has at least 200 commits, 2
# changes of the leader and 5 fired faults. Prints the events per second.
#
# Usage: strength.sh SQUALL SCENARIO SEEDS SCRATCH
set -euo pipefail
squall=$1 scenario=$2 seeds=$3 scratch=$4
rm -rf "$scratch"
mkdir -p "$scratch"
db=$scratch/strength.db
failed=0

status=0
start=$(date +%s%N)
"$squall" run "$scenario" --seeds "1..$seeds" --twins none --db "$db" >"$scratch/out.txt" 2>&1 || status=$?
end=$(date +%s%N)
if [ "$status" -ne 0 ]; then
    tail -n 30 "$scratch/out.txt"
    echo "exit $status"
    exit 1
fi

ask() { sqlite3 "$db" "$1"; }
[ "$(ask 'SELECT count(DISTINCT seed) FROM executions')" -eq "$seeds" ] || {
    echo "not every seed ran"
    failed=1
}
[ "$(ask "SELECT count(*) FROM executions WHERE outcome <> 'ok'")" -eq 0 ] || {
    echo "not every seed passed"
    failed=1
}
[ "$(ask 'SELECT count(*) FROM oracle_checks WHERE checks = 0 OR skipped_reason IS NOT NULL')" -eq 0 ] || {
    echo "oracles that checked nothing:"
    ask 'SELECT name, skipped_reason FROM oracle_checks JOIN oracles ON oracles.id = oracle
         WHERE checks = 0 OR skipped_reason IS NOT NULL'
    failed=1
}
median() { # COLUMN AT-LEAST
    local value
    value=$(ask "SELECT $1 FROM executions ORDER BY $1
                 LIMIT 1 OFFSET (SELECT (count(*) - 1) / 2 FROM executions)")
    echo "median $1: $value"
    [ "$value" -ge "$2" ] || {
        echo "$1 of the median seed is below $2"
        failed=1
    }
}
median commits 200
median leader_changes 2
median faults_fired 5
events=$(ask 'SELECT sum(events) FROM executions')
echo "$events events in $(((end - start) / 1000000)) ms: $((events * 1000 / ((end - start) / 1000000))) a second"
exit "$failed"
