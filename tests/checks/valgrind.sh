#!/usr/bin/env bash
# A smoke set under Valgrind: no invalid access, no decision that depends on uninitialised memory.
# Usage: valgrind.sh SQUALL SCENARIO… -- UNIT-TEST…
set -euo pipefail
squall=$1
shift
checked=(valgrind --quiet --error-exitcode=99 --trace-children=no)
while [ "$1" != -- ]; do
    "${checked[@]}" --trace-children=yes "$squall" run "$1" --seed 1 --jobs 1 --no-db
    shift
done
shift
for test in "$@"; do
    CK_FORK=no CK_VERBOSITY=silent "${checked[@]}" --leak-check=full "$test"
done
