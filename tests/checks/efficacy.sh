#!/usr/bin/env bash
# Each fault that fired in a scenario is judged by a run without it, whatever its kind; of profiles
# all are if that is wanted. A scenario whose faults change nothing is reported as vacuous.
#
# Usage: efficacy.sh SQUALL SCENARIOS SCRATCH
set -euo pipefail
squall=$1 scenarios=$2 scratch=$3
rm -rf "$scratch"
mkdir -p "$scratch"
cd "$scratch"
failed=0

complain() {
    echo "$*"
    failed=1
}
campaign() { # DB ARGUMENT…
    local db=$1 status=0
    shift
    "$squall" run "$@" --db "$db" >out.txt 2>&1 || status=$?
    if [ "$status" -ne 0 ]; then
        tail -n 20 out.txt
        complain "run $*: exit $status"
    fi
}
unjudged=$(
    cat <<'SQL'
SELECT count(*) FROM injections i WHERE NOT EXISTS (SELECT 1 FROM efficacies f
    WHERE f.execution = i.execution AND f.number = i.number)
SQL
)

chosen=()
for name in nemesis odd_clocks disk_fills damaged_files small_node bad_network cold_log answers_lost \
    lost_store_is_replaced lost_promises out_of_memory transfers_in_the_middle \
    unsafe_recovery_after_losing_a_majority; do
    chosen+=("$scenarios/$name.lua")
done
campaign library.db "${chosen[@]}" --seeds 1..2
campaign profile.db --profile swarm --seeds 1..6 --set length_ms=4000 --twins all
campaign none.db "$scenarios/nemesis.lua" --seed 1 --twins none
for db in library profile; do
    [ "$(sqlite3 $db.db 'SELECT count(*) FROM injections')" -ge 40 ] || complain "$db: hardly a fault"
    [ "$(sqlite3 $db.db "$unjudged")" -eq 0 ] || complain "$db: faults that were not judged"
done
[ "$(sqlite3 none.db 'SELECT count(*) FROM efficacies')" -eq 0 ] || complain "--twins none made some"

# What the world does to nodes, clocks, disks, memory and messages is a fault like any other.
kinds=$(sqlite3 library.db "SELECT DISTINCT point FROM efficacy_by_point WHERE outcome = 'happened'")
for kind in node.crash node.pause node.wipe node.restore node.retire disk.remove disk.rot disk.full \
    memory.limit clock.jump clock.drift clock.late network.cut network.loss network.hold \
    network.delay network.damage network.twice; do
    grep -qxF "$kind" <<<"$kinds" || complain "no $kind was judged"
done
[ "$failed" -eq 0 ] || exit 1
