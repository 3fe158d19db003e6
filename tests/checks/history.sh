#!/usr/bin/env bash
# check-history as a script sees it: verdicts, what each option means, and that what is no history is
# refused with its line. Usage: history.sh SQUALL SCRATCH
set -euo pipefail
squall=$1 scratch=$2
rm -rf "$scratch"
mkdir -p "$scratch"
cd "$scratch"
failed=0

expect() { # STATUS TEXT ARGUMENT…
    local wanted=$1 text=$2 status=0 out
    shift 2
    out=$("$squall" check-history "$@" 2>&1) || status=$?
    if [ "$status" -ne "$wanted" ] || ! grep -qF -- "$text" <<<"$out"; then
        echo "squall check-history $*: status $status, wanted $wanted with \"$text\":"
        head -n 20 <<<"$out"
        failed=1
    fi
}

# Lines "PROCESS TYPE F KEY VALUE" as JSON, numbered.
history() { # FILE
    awk 'NF >= 4 {
        value = NF > 4 ? $5 : "null"
        printf "{\"index\":%d,\"process\":%s,\"type\":\"%s\",\"f\":\"%s\",\"key\":\"%s\",\"value\":%s,\"time\":%d}\n",
            count, $1, $2, $3, $4, value, 10 * count
        count++
    }' >"$1"
}

history good.jsonl <<'LINES'
0 invoke write r 1
1 invoke read r
0 ok write r 1
1 ok read r null
1 invoke cas r [1,2]
1 ok cas r [1,2]
2 invoke append list "a"
2 info append list "a"
0 invoke get list
0 ok get list "a"
0 invoke acquire lock
0 ok acquire lock
LINES
expect 0 'linearizable: operations: 6, keys: 3' good.jsonl
"$squall" check-history - <good.jsonl >/dev/null || { echo "standard input is not read"; failed=1; }

history stale.jsonl <<'LINES'
0 invoke write r 1
0 ok write r 1
1 invoke write r 2
1 ok write r 2
0 invoke read other
0 ok read other null
2 invoke read r
2 ok read r 1
LINES
expect 1 'not linearizable: key "r", lines 3..8' stale.jsonl
expect 1 '(write was in lines 1..2)' stale.jsonl

history null.jsonl <<'LINES'
0 invoke write r 1
0 ok write r 1
1 invoke read r
1 ok read r null
LINES
expect 1 '--null-read unknown' null.jsonl
expect 1 'not linearizable' null.jsonl --null-read absent
expect 0 'linearizable' null.jsonl --null-read unknown

history cas.jsonl <<'LINES'
0 invoke cas r [0,1]
0 ok cas r [0,1]
1 invoke cas r [1,2]
1 fail cas r [1,2]
LINES
expect 1 'not linearizable' cas.jsonl
expect 1 '--failed-cas noop' cas.jsonl --init 0
expect 1 'not linearizable' cas.jsonl --init 0 --failed-cas mismatch
expect 0 'linearizable' cas.jsonl --init 0 --failed-cas noop
expect 1 'not linearizable' cas.jsonl --init '"0"' --failed-cas noop

history lock.jsonl <<'LINES'
0 invoke acquire l
0 ok acquire l
1 invoke acquire l
1 ok acquire l
LINES
expect 1 'acquire' lock.jsonl --init free
expect 2 '--init free is for a mutex' stale.jsonl --init free
expect 2 'neither a JSON value nor free' stale.jsonl --init zero

# Writes, and cas that have many orders, none of which fits: too many to try.
{
    for i in $(seq 1 60); do echo "$i invoke cas r [$((i % 7)),$(((i * 3 + 1) % 7))]"; done
    for i in $(seq 61 90); do echo "$i invoke write r $((i % 7))"; done
    for i in $(seq 1 90); do
        if [ "$i" -le 60 ]; then
            echo "$i ok cas r [$((i % 7)),$(((i * 3 + 1) % 7))]"
        else
            echo "$i ok write r $((i % 7))"
        fi
    done
    echo "1 invoke read r"
    echo "1 ok read r 99"
    echo "2 invoke cas r [99,0]"
} | history hard.jsonl
expect 5 'undecided' hard.jsonl

printf '{"process":0,"type":"invoke","f":"read"}\n{"process":0,"type":"ok","f":"raed"}\n' >typo.jsonl
expect 2 'typo.jsonl:2:' typo.jsonl
echo '{"process":0' >cut.jsonl
expect 2 'cut.jsonl:1: column 14' cut.jsonl
: >empty.jsonl
expect 0 'operations: 0' empty.jsonl
expect 2 'no-such-file' no-such-file.jsonl
expect 2 'reads one file'
expect 2 'neither absent nor unknown' good.jsonl --null-read maybe
expect 0 'squall check-history' --help
exit "$failed"
