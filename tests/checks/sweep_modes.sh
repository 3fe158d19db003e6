#!/usr/bin/env bash
# Each mode of the sweep passes the core, finds the bug that it is for, and its executions replay; a
# sweep that was killed goes on where it was. Usage: sweep_modes.sh SQUALL SCENARIOS MODULES SCRATCH
set -euo pipefail
squall=$1 scenarios=$2 modules=$3 scratch=$4
hello=$scenarios/hello.lua
rm -rf "$scratch"
mkdir -p "$scratch"
failed=0

complain() { # MESSAGE
    echo "$1"
    failed=1
}

count() { # DB CONDITION
    sqlite3 "$1" "SELECT count(*) FROM executions e LEFT JOIN findings f ON f.execution = e.id WHERE $2"
}

while read -r mode bug rule; do
    db=$scratch/$mode.db
    "$squall" sweep "$hello" --mode "$mode" --limit 600 --db "$db" >"$scratch/out.txt" 2>&1 || {
        tail -n 20 "$scratch/out.txt"
        complain "$mode: the core itself does not pass"
    }
    rows=$(sqlite3 "$db" "SELECT count(*) FROM executions e WHERE branch AND outcome = 'ok'
        AND NOT EXISTS (SELECT 1 FROM injections i JOIN efficacies f USING (execution, number)
                        WHERE i.execution = e.id)")
    [ "$rows" -eq 0 ] || complain "$mode: $rows branches do not say what was injected, or what came of it"
    for id in $(sqlite3 "$db" "SELECT id FROM executions WHERE plan <> '' ORDER BY id LIMIT 5"); do
        "$squall" replay "$id" --db "$db" >"$scratch/out.txt" 2>&1 || {
            tail -n 5 "$scratch/out.txt"
            complain "$mode: execution $id does not replay"
        }
    done
    status=0
    "$squall" sweep "$hello" --mode "$mode" --sut "$modules/squall-$bug.so" \
        --db "$scratch/$bug.db" >"$scratch/out.txt" 2>&1 || status=$?
    found=$(count "$scratch/$bug.db" "f.rule = '$rule' AND e.plan <> ''")
    echo "$mode: $(count "$db" 1) executions of the core pass, $rule finds $bug in $found"
    if [ "$status" -ne 1 ] || [ "$found" -eq 0 ]; then
        tail -n 20 "$scratch/out.txt"
        complain "$mode: exit $status, $rule does not find $bug"
    fi
done <<'TABLE'
points e05 speaks-durable
memory f01 ledger
disk f20 ledger
crash d12 speaks-durable
stop f09 ledger
tail d14 recovery
network r01 monotonic
pairs d15 crash
TABLE

# One fault alone does not show what takes two.
"$squall" sweep "$hello" --sut "$modules/squall-d15.so" --no-db >"$scratch/out.txt" 2>&1 ||
    complain "d15 needs no pair of faults: it says nothing about pairs"

# A branch that ends early, as masked, comes to what it comes to at its end; and some do.
while read -r mode file; do
    for exact in "" --exact; do
        "$squall" sweep "$scenarios/$file.lua" --mode "$mode" --limit 600 --db "$scratch/masked$exact.db" \
            $exact >"$scratch/out.txt" 2>&1 || complain "$mode $exact of $file: exit $?"
        sqlite3 "$scratch/masked$exact.db" "SELECT seed, plan, outcome, note, events, sim_ns, trace_hash,
            state_hash, commits, leader_changes, requests_ok, requests_failed, requests_unknown, disturbed,
            l.leader_ns, l.commit_ns, l.converged_ns, l.elections, l.terms, l.messages, f.efficacy
            FROM executions e LEFT JOIN liveness l ON l.execution = e.id
            LEFT JOIN efficacies f ON f.execution = e.id AND f.number = 1
            ORDER BY scenario, plan" >"$scratch/masked$exact.txt"
    done
    early=$(sqlite3 "$scratch/masked.db" "SELECT count(*) FROM executions WHERE masked > 0")
    none=$(sqlite3 "$scratch/masked--exact.db" "SELECT count(*) FROM executions WHERE masked > 0")
    echo "$mode of $file: $early masked early"
    if [ "$early" -eq 0 ] || [ "$none" -ne 0 ] ||
        ! diff "$scratch/masked.txt" "$scratch/masked--exact.txt" >"$scratch/out.txt"; then
        head -n 20 "$scratch/out.txt"
        complain "$mode of $file: $early masked early, $none with --exact, or they came to something else"
    fi
    rm -f "$scratch"/masked*
done <<'TABLE'
points hello
points figure8
points snapshots
TABLE

# Where they end does not depend on who does them.
for jobs in 1 2 3; do
    "$squall" sweep "$hello" --limit 400 --jobs "$jobs" --db "$scratch/jobs$jobs.db" >"$scratch/out.txt" 2>&1 ||
        complain "$jobs jobs: exit $?"
    sqlite3 "$scratch/jobs$jobs.db" "SELECT plan, masked FROM executions ORDER BY plan" >"$scratch/jobs$jobs.txt"
done
if ! diff "$scratch/jobs1.txt" "$scratch/jobs2.txt" || ! diff "$scratch/jobs1.txt" "$scratch/jobs3.txt"; then
    complain "other branches end early with other numbers of jobs"
fi

# A worker that has swept one scenario counts from nothing in the next one.
db=$scratch/probes.db
"$squall" sweep "$scenarios/figure8.lua" "$hello" --limit 20 --jobs 1 --db "$db" >"$scratch/out.txt" 2>&1 ||
    complain "two scenarios: exit $?"
wrong=$(sqlite3 "$db" "SELECT count(*) FROM probe_hits h JOIN probes p ON p.id = h.probe
    WHERE p.oracle IS NULL AND h.hits >
    (SELECT sum(e.events) FROM executions e WHERE e.scenario = h.scenario)")
[ "$wrong" -eq 0 ] || complain "$wrong probes were hit more often than there were events"

# The half that is done is not done again, and what it found is not forgotten.
db=$scratch/resume.db
sweep=("$squall" sweep "$hello" --mode tail --sut "$modules/squall-d14.so" --db "$db" --jobs 2)
"${sweep[@]}" >/dev/null 2>&1 || true
whole=$(sqlite3 "$db" "SELECT count(DISTINCT plan) FROM executions")
sqlite3 "$db" "PRAGMA foreign_keys = OFF;
    DELETE FROM findings WHERE execution IN (SELECT id FROM executions WHERE plan <> '' AND number % 2 = 0);
    DELETE FROM executions WHERE plan <> '' AND number % 2 = 0;"
left=$(sqlite3 "$db" "SELECT count(*) FROM executions")
status=0
"${sweep[@]}" --resume >"$scratch/out.txt" 2>&1 || status=$?
again=$(sqlite3 "$db" "SELECT count(*) - count(DISTINCT plan) FROM executions")
total=$(sqlite3 "$db" "SELECT count(DISTINCT plan) FROM executions")
echo "resumed: $left of $whole executions were there, now $total, $again twice"
if [ "$status" -ne 1 ] || [ "$total" -ne "$whole" ] || [ "$again" -ne 0 ]; then
    tail -n 20 "$scratch/out.txt"
    complain "resume: exit $status, $total of $whole executions, $again twice"
fi
status=0
"${sweep[@]}" --resume >"$scratch/out.txt" 2>&1 || status=$?
if [ "$status" -ne 1 ] || ! grep -q '^resumed: ' "$scratch/out.txt"; then
    tail -n 20 "$scratch/out.txt"
    complain "resume: nothing is left to do, and what was found earlier is forgotten (exit $status)"
fi

# Another mode does none of that, and what it has found is not its finding.
status=0
"$squall" sweep "$hello" --mode network --sut "$modules/squall-d14.so" --db "$db" --resume \
    >"$scratch/out.txt" 2>&1 || status=$?
if [ "$status" -ne 0 ] || grep -q '^resumed: ' "$scratch/out.txt"; then
    tail -n 20 "$scratch/out.txt"
    complain "resume: the findings of one mode are counted in another (exit $status)"
fi

# Killed in the middle, with all its workers.
db=$scratch/killed.db
sweep=("$squall" sweep "$scenarios/segment_roll.lua" --mode tail --limit 3000 --db "$db" --jobs 2)
"${sweep[@]}" >/dev/null 2>&1 &
killed=$!
for _ in $(seq 200); do
    sleep 0.1
    if [ -f "$db" ] && [ "$(sqlite3 "$db" 'SELECT count(*) FROM executions' 2>/dev/null || echo 0)" -gt 0 ]; then
        break
    fi
done
kill -KILL "$killed" 2>/dev/null || true
wait "$killed" 2>/dev/null || true
left=$(sqlite3 "$db" "SELECT count(*) FROM executions")
"${sweep[@]}" --resume >"$scratch/out.txt" 2>&1 || complain "resume after a kill: exit $?"
total=$(sqlite3 "$db" "SELECT count(*) FROM executions")
echo "killed after $left executions, ended with $total"
if [ "$total" -ne 3001 ]; then
    tail -n 20 "$scratch/out.txt"
    complain "resume after a kill: $total executions, wanted 3001"
fi
exit "$failed"
