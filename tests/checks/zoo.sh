#!/usr/bin/env bash
# Every broken copy of the core is found by the rules that expected.txt names, and the core as it is
# passes the same command. Usage: zoo.sh SQUALL SCENARIOS MODULES EXPECTED.txt SCRATCH
set -euo pipefail
squall=$1 scenarios=$2 modules=$3 expected=$4 scratch=$5
rm -rf "$scratch"
mkdir -p "$scratch"
failed=0

complain() { # MESSAGE
    echo "$1"
    failed=1
}

# The rows and the patches are the same bugs, each once.
rows=$(grep -v '^#' "$expected" | cut -d' ' -f1)
patches=$(cd "$(dirname "$expected")" && printf '%s\n' *.patch | sed 's/-.*//' | tr '[:upper:]' '[:lower:]')
diff <(sort <<<"$rows") <(sort <<<"$patches") >"$scratch/rows.txt" || {
    cat "$scratch/rows.txt"
    complain "the rows of $(basename "$expected") (<) are not the patches beside it (>)"
}

declare -A is_clean=() # commands that the core passes
while read -r bug rules command; do
    db=$scratch/$bug.db
    read -ra words <<<"$command"
    words[1]=$scenarios/${words[1]}
    if [ -z "${is_clean[$command]:-}" ]; then
        "$squall" "${words[@]}" --sut "$modules/squall-core.so" --no-db >"$scratch/out.txt" 2>&1 || {
            tail -n 20 "$scratch/out.txt"
            complain "$bug: the core itself does not pass: $command"
        }
        is_clean[$command]=yes
    fi
    status=0
    "$squall" "${words[@]}" --sut "$modules/squall-$bug.so" --db "$db" >"$scratch/out.txt" 2>&1 || status=$?
    if [ "$status" -ne 1 ]; then
        tail -n 20 "$scratch/out.txt"
        complain "$bug: exit $status, wanted 1: $command"
        continue
    fi
    for rule in ${rules//,/ }; do
        found=$(sqlite3 "$db" "SELECT count(*) FROM findings WHERE rule = '$rule'")
        runs=$(sqlite3 "$db" 'SELECT count(*) FROM executions')
        echo "$bug: $rule in $found of $runs executions"
        if [ "$found" -eq 0 ]; then
            sqlite3 "$db" 'SELECT rule, count(*), min(message) FROM findings GROUP BY rule'
            complain "$bug: $rule does not find it: $command"
        fi
    done
done < <(grep -v '^#' "$expected")
# A broken copy differs from the core somewhere, and where is said.
status=0
"$squall" verify "$scenarios/leadership_transfer.lua:transfer_to_a_node_that_dies" --seed 1 \
    --against "$modules/squall-t01.so" >"$scratch/out.txt" 2>&1 || status=$?
cat "$scratch/out.txt"
[ "$status" -eq 4 ] || complain "verify --against a broken copy: exit $status, wanted 4"
grep -q 'first differing field: n[0-9]*\.' "$scratch/out.txt" ||
    complain "verify --against a broken copy names no field"
exit "$failed"
