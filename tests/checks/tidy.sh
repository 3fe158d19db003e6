#!/usr/bin/env bash
# The rules of .clang-tidy hold in every compiled file of core, sim and reports. Reads the build's
# compile commands, so generated headers must exist. Usage: tidy.sh ROOT BUILD
set -euo pipefail
cd "$1"
find core sim reports -name '*.c' -print0 | sort -z |
    xargs -0 -r -P 2 -n 4 clang-tidy-14 -p "$2" --quiet --warnings-as-errors='*'
