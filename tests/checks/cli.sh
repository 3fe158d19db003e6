#!/usr/bin/env bash
# The program as a script sees it: exit statuses, and that each failure says what to do next.
# Usage: cli.sh SQUALL SCENARIOS SCRATCH
set -euo pipefail
squall=$1 scenarios=$2 scratch=$3
rm -rf "$scratch"
mkdir -p "$scratch"
cd "$scratch"
failed=0

expect() { # STATUS TEXT ARGUMENT…
    local wanted=$1 text=$2 status=0 out
    shift 2
    out=$("$squall" "$@" 2>&1) || status=$?
    if [ "$status" -ne "$wanted" ] || ! grep -qF -- "$text" <<<"$out"; then
        echo "squall $*: status $status, wanted $wanted with \"$text\":"
        head -n 20 <<<"$out"
        failed=1
    fi
}

cat >fails.lua <<'LUA'
scenario {
    name = "fails",
    doc = "Expects what is not so.",
    run = function()
        cluster { nodes = 3 }
        expect.eq(1, 2)
    end,
}
LUA
cat >broken.lua <<'LUA'
scenario {
    name = "broken",
    doc = "Calls what is not there.",
    run = function()
        local c = cluster { nodes = 3 }
        c:no_such_method()
    end,
}
LUA
echo 'scenario {' >unfinished.lua

for command in run sweep replay report points; do
    expect 0 "squall $command" "$command" --help
done
expect 0 squall --version
expect 0 run --help
expect 0 hello list "$scenarios"

expect 2 '' no-such-command
expect 2 '--seeds' run "$scenarios/hello.lua" --sedes 1..2
expect 2 'seeds' run "$scenarios/hello.lua" --seeds 5..1
expect 2 'no-such-file' run no-such-file.lua
expect 2 '' run
expect 2 'neither all nor none' run "$scenarios/hello.lua" --twins some
expect 2 'leave out --no-db' run "$scenarios/hello.lua" --twins all --no-db

expect 0 '' run "$scenarios/hello.lua" --seed 1 --db hello.db
expect 0 '' report hello.db -o hello.html
# What an oracle has left out is said wherever somebody looks.
waived=recovery.start.unclean
expect 0 '' run "$scenarios/lost_promises.lua" --seed 1 --db lost.db
expect 0 "$waived" report lost.db
expect 0 "waived: $waived" run "$scenarios/lost_promises.lua" --seed 1 --no-db --transcript
expect 0 'log.reserve.alloc' points
expect 1 'expect.eq' run fails.lua --seed 1 --db fails.db
expect 1 'squall replay' run fails.lua --seed 1 --no-db
expect 3 'no_such_method' run broken.lua --seed 1 --no-db
expect 3 'unfinished.lua' run unfinished.lua --no-db
expect 3 '--set gives' run fails.lua --seed 1 --no-db --set nodes=5
expect 0 'params gap_ms=' list "$scenarios/nemesis.lua"

# A recorded execution is run again, and has the same hash.
id=$(sqlite3 hello.db 'SELECT id FROM executions LIMIT 1')
expect 0 '' replay "$id" --db hello.db
# A hash that is not the recorded one is nondeterminism.
sqlite3 hello.db "UPDATE executions SET trace_hash = '0123456789abcdef'"
expect 4 '' replay "$id" --db hello.db

# A profile needs no scenario, goes on where its file ends, and is replayed by its seed.
expect 2 'swarm' run --profile swrm
expect 2 'leave' run --profile calm "$scenarios"
expect 2 '90s' run --profile calm --for 8
expect 3 'nods' run --profile calm --seed 1 --set nods=3 --no-db
expect 0 'profile:calm' run --profile calm --seeds 1..2 --set length_ms=500 --db calm.db
expect 0 '' run --profile calm --for 1s --set length_ms=500 --db calm.db
expect 0 'mode=calm' run --profile calm --seed 1 --transcript --no-db
highest=$(sqlite3 calm.db 'SELECT min(seed) = 1 AND max(seed) = count(*) FROM executions')
[ "$highest" = 1 ] || { echo "a campaign of a profile left seeds out, or repeated some"; failed=1; }
# What was under way when a campaign was ended comes first when it goes on.
missing='SELECT count(*) FROM (SELECT 1 UNION SELECT 3 UNION SELECT 4 EXCEPT SELECT seed FROM executions)'
expect 0 'profile:calm' run --profile calm --seed 2 --set length_ms=500 --db gaps.db
expect 0 'profile:calm' run --profile calm --seed 5 --set length_ms=500 --db gaps.db
expect 0 '' run --profile calm --for 1s --set length_ms=500 --db gaps.db
[ "$(sqlite3 gaps.db "$missing")" = 0 ] || { echo "seeds that were missing in a file still are"; failed=1; }
[ "$(sqlite3 gaps.db 'SELECT count(*) = count(DISTINCT seed) FROM executions')" = 1 ] || {
    echo "seeds of a file were repeated"
    failed=1
}
id=$(sqlite3 calm.db 'SELECT id FROM executions WHERE seed = 2')
expect 0 'is the recorded one' replay "$id" --db calm.db
expect 0 '' replay --profile calm --seed 2

# A page that says what it is, with no address to load from.
grep -q '<html' hello.html || { echo "hello.html is no page"; failed=1; }
if grep -nE '(src|href)="?https?:' hello.html; then
    echo "the page loads something from a network"
    failed=1
fi

# What cannot be written is said, and is no success.
for limit in 8 64; do
    status=0
    (ulimit -f "$limit" && "$squall" run "$scenarios/nemesis.lua" --seeds 1..3 --db small.db) \
        >small.txt 2>&1 || status=$?
    if [ "$status" -ne 2 ] || ! grep -q '^squall: small.db' small.txt; then
        echo "a file that cannot grow beyond $limit blocks: status $status"
        cat small.txt
        failed=1
    fi
    rm -f small.db*
done
status=0
"$squall" run "$scenarios/hello.lua" --seed 1 --no-db >/dev/full 2>full.txt || status=$?
if [ "$status" -ne 2 ] || ! grep -q 'standard output' full.txt; then
    echo "a full standard output: status $status"
    failed=1
fi

# What is not a campaign's file is left alone.
echo 'something else' >other.db
expect 2 'other.db' run "$scenarios/hello.lua" --seed 1 --db other.db
[ "$(cat other.db)" = 'something else' ] || { echo "other.db was overwritten"; failed=1; }
exit "$failed"
