#!/usr/bin/env bash
# One run is a function of scenario, parameters, seed and build: 50 seeds of the nemesis scenario
# have the same rolling hashes when run again, without address-space randomisation, with another
# fill of fresh memory, with the core loaded as a shared object, and by other builds; and 50 different
# ones among themselves.
#
# Usage: determinism.sh SQUALL SCENARIO CORE.so SCRATCH [OTHER-BUILD]…
set -euo pipefail
squall=$1 scenario=$2 core=$3 scratch=$4
shift 4
rm -rf "$scratch"
mkdir -p "$scratch"
failed=0

hashes() { # NAME OPTION-OR-"" COMMAND…: writes lines of parameters, seed and hash to NAME.txt
    local name=$1 option=$2 status=0
    shift 2
    # shellcheck disable=SC2086 # no option, or one
    "$@" run "$scenario" --seeds 1..50 --twins none $option --db "$scratch/$name.db" \
        >"$scratch/$name.out" 2>&1 || status=$?
    if [ "$status" -ne 0 ]; then
        tail -n 20 "$scratch/$name.out"
        echo "$name: exit $status"
        exit 1
    fi
    sqlite3 -separator ' ' "$scratch/$name.db" "SELECT DISTINCT parameter_set, seed, trace_hash
        FROM executions ORDER BY parameter_set, seed, trace_hash" >"$scratch/$name.txt"
}

same() { # NAME
    if cmp -s "$scratch/plain.txt" "$scratch/$1.txt"; then
        echo "$1: the same hashes"
    else
        echo "$1: other hashes than plain:"
        diff "$scratch/plain.txt" "$scratch/$1.txt" | head -n 10
        failed=1
    fi
}

hashes plain '' "$squall"
lines=$(wc -l <"$scratch/plain.txt")
seeds=$(cut -d' ' -f2 "$scratch/plain.txt" | sort -u | wc -l)
different=$(cut -d' ' -f3 "$scratch/plain.txt" | sort -u | wc -l)
[ "$seeds" -eq 50 ] || { echo "$seeds seeds instead of 50"; failed=1; }
[ "$different" -eq "$lines" ] || { echo "$lines runs have $different different hashes"; failed=1; }

hashes again '' "$squall"
same again
hashes fixed-addresses '' setarch -R "$squall"
same fixed-addresses
for fill in 0x00 0xff; do
    hashes "fill-$fill" "--fill=$fill" "$squall"
    same "fill-$fill"
done
hashes shared-object "--sut=$core" "$squall"
same shared-object
for other in "$@"; do
    name=$(basename "$(dirname "$other")")
    hashes "$name" '' "$other"
    same "$name"
done
# Two builds are compared event by event.
"$squall" verify "$scenario" --seeds 1..3 --against "$core" || failed=1
exit "$failed"
