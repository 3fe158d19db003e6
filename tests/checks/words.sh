#!/usr/bin/env bash
# No unfinished business in the code, and no path of somebody's machine. Usage: words.sh ROOT
set -euo pipefail
cd "$1"
failed=0

# The words are written with a class, so that this file does not find itself.
if grep -rnwE 'T[O]DO|F[I]XME|X[X]X|H[A]CK' core sim reports scenarios tests; then
    echo "left over in the code"
    failed=1
fi
if grep -rnE '/(tmp|root|home)[/]' core sim reports scenarios README.md CMakeLists.txt CMakePresets.json; then
    echo "paths of a machine"
    failed=1
fi
if grep -rnE 'N[D]EBUG' core sim reports; then
    echo "assertions are always compiled in"
    failed=1
fi
exit "$failed"
