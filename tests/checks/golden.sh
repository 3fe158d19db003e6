#!/usr/bin/env bash
# Small scenarios run exactly as tests/golden/*.txt tells. Only what a reader wants is compared: no
# numbers of events, no I/O that led to nothing, no sizes of writes, no speed, nothing of the stop at
# the end.
#
# Usage: golden.sh [--rewrite] [--seed N] SQUALL [NAME…]
set -euo pipefail
golden=$(cd "$(dirname "${BASH_SOURCE[0]}")/../golden" && pwd)
rewrite=false
seed=() # those that the scenario names
while :; do
    case ${1-} in
    --rewrite) rewrite=true ;;
    --seed)
        seed=(--seed "$2")
        shift
        ;;
    *) break ;;
    esac
    shift
done
squall=$(realpath "$1")
shift
names=("$@")
if [ "${#names[@]}" -eq 0 ]; then
    mapfile -t names < <(cd "$golden" && printf '%s\n' *.lua | sed 's/\.lua$//')
fi

readable() { # the transcript on standard input
    sed -E 's/^([0-9]+\.[0-9]{3})[0-9]* #[0-9]+/\1/; s/( io .*)(,| to) [0-9]+ bytes$/\1/' |
        awk '
            /^    phase stop$/ { over = 1 }
            over { next }
            /^[0-9.]+ n[0-9]+ (io .*|applied)$/ || /^[0-9.]+ (script|phase)$/ { held = $0; next }
            /^[0-9.]+ / { held = "" }
            held != "" { print held; held = "" }
            { print }'
}

failed=0
for name in "${names[@]}"; do
    status=0
    out=$("$squall" run "$golden/$name.lua" "${seed[@]}" --no-db --transcript 2>&1) || status=$?
    if [ "$status" -ne 0 ]; then
        echo "$name: exit status $status"
        tail -n 20 <<<"$out"
        failed=1
    elif [ "$rewrite" = true ]; then
        readable <<<"$out" >"$golden/$name.txt"
    elif ! diff -u --label "$name.txt" --label "this build" "$golden/$name.txt" <(readable <<<"$out"); then
        echo "$name: not as it was. If that is meant: tests/checks/golden.sh --rewrite $squall $name"
        failed=1
    fi
done
exit "$failed"
