#!/usr/bin/env bash
# Copies a C file without the first raft_entry_drop() or raft_log_drop() in the body of a function.
# The arguments are still evaluated, so that the copy compiles without a warning, and the lines keep
# their numbers.
# Usage: without_drop.sh FILE FUNCTION COPY
set -euo pipefail
mkdir -p "$(dirname "$3")"
awk -v function_name="$2" '
    $0 ~ "^[a-z].*[ *]" function_name "\\(" { head = 1 }
    head && /;[[:space:]]*$/ && !/^[[:space:]]/ { head = 0 }
    /^\{/ { inside = head }
    /^\}/ { inside = head = 0 }
    inside && !done && /(^|[^A-Za-z_])raft_(entry|log)_drop\(/ {
        sub(/raft_(entry|log)_drop\(/, "dropped_not(")
        done = 1
    }
    FNR == 1 { print "#define dropped_not(first, second) ((void)(first), (void)(second))"; print "#line 1" }
    { print }
    END { exit !done }' "$1" >"$3.new" || {
    rm -f "$3.new"
    echo "$1: nothing is dropped in $2" >&2
    exit 1
}
mv "$3.new" "$3"
