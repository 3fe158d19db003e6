#!/usr/bin/env bash
# Every C file reads as clang-format 14 writes it. Usage: format.sh ROOT
set -euo pipefail
cd "$1"
find core sim reports tests -name '*.[ch]' -print0 | sort -z |
    xargs -0 -r -P 2 -n 20 clang-format-14 --style=file --dry-run -Werror
