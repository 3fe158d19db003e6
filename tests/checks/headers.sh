#!/usr/bin/env bash
# Every header compiles alone, as the first and only thing a file includes, with both compilers and
# without a warning. Usage: headers.sh ROOT
set -euo pipefail
cd "$1"

warnings=(-Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef
          -Wno-unused-function)
read -r -a lua <<<"$(pkg-config --cflags lua5.4)"

compile() { # COMPILER HEADER OPTION…
    local compiler=$1 header=$2
    shift 2
    printf '#include "%s"\n' "$header" |
        "$compiler" -std=c11 "${warnings[@]}" "$@" -Icore/include -I. "${lua[@]}" \
            -x c -fsyntax-only - || {
        echo "$header: does not compile alone with $compiler"
        return 1
    }
}

failed=0
count=0
while IFS= read -r header; do
    options=(-D_GNU_SOURCE)
    case $header in core/*) options=() ;; esac # pure C11
    for compiler in gcc clang-14; do
        compile "$compiler" "$header" "${options[@]}" || failed=1
    done
    count=$((count + 1))
done < <(find core sim reports -name '*.h' | sort)
[ "$count" -gt 0 ] || { echo "no header found under $1"; exit 1; }
exit "$failed"
