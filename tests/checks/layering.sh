#!/usr/bin/env bash
# Who may include whom.
#
#   core/raft, core/log         their own headers and five of the C library
#   core/storage, core/replica  the above, and the environment interface
#   core/posix                  the environment interface and the system: real files
#   sim                         the core's public headers; never Lua, SQLite or the reports
#   sim/lua                     as sim, and Lua
#   sim/history                 the C library alone
#   sim/cli                     sim and the reports: the only place that knows both
#   reports                     the trace's and the ledger's public headers (and the core's, whose
#                               terms they speak in), and SQLite
#
# Usage: layering.sh ROOT
set -euo pipefail
cd "$1"

pure='<(assert|stdbool|stddef|stdint|string)\.h>'
core_pure='<raft/(configuration|entry|fault_points|log|message|points|raft|session|types)\.(h|def)>'
core_all='<raft/(configuration|entry|env|fault_points|log|message|points|raft|replica|session|storage|types)\.(h|def)>'
sibling='"[a-z_0-9]+\.(h|inc|def)"'
# The C library and the system, less what would let the wall clock, another thread, the locale or
# the processor's own rounding into a run.
system='<(assert|ctype|errno|inttypes|limits|stdalign|stdarg|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|string|dlfcn|unistd|xxhash|sys/mman|sanitizer/[a-z_]+|valgrind/[a-z_]+)\.h>'
process='<(fcntl|poll|stdatomic|signal|time|getopt|glob|dirent|link|elf|sys/[a-z_]+)\.h>'
sim_own='<sim/[a-z_]+\.h>'
lua='<(lua5\.4/)?(lua|lauxlib|lualib)\.h>'

allowed() { # FILE: sets the pattern of the includes that it may have
    case $1 in
    core/include/*) pattern="$pure|$core_all" ;;
    core/raft/* | core/log/*) pattern="$pure|$core_pure|$sibling" ;;
    core/posix/*) pattern="$system|$process|<pthread\.h>|$core_all|<raft/posix\.h>|$sibling" ;;
    core/storage/* | core/replica/*) pattern="$pure|$core_all|$sibling" ;;
    sim/lua/*) pattern="$system|$core_all|$sibling|$sim_own|$lua" ;;
    sim/cli/*) pattern="$system|$process|$core_all|$sibling|$sim_own|<sim/[a-z]+/[a-z_]+\.h>|<reports/[a-z_]+\.h>" ;;
    sim/explorer/*) pattern="$system|$process|$core_all|$sibling|$sim_own" ;;
    sim/history/*) pattern="$system|$sibling" ;;
    sim/*) pattern="$system|$core_all|$sibling|$sim_own|<sim/history/history\.h>" ;;
    reports/*) pattern="$system|$process|$core_all|$sibling|<sim/(record|ledger)\.h>|<reports/[a-z_]+\.h>|<sqlite3\.h>" ;;
    esac
}

failed=0
count=0
before=
while IFS=: read -r file line include; do
    if [ "$file" != "$before" ]; then
        allowed "$file"
        before=$file
    fi
    if ! [[ $include =~ ^($pattern)$ ]]; then
        echo "$file:$line: may not include $include"
        failed=1
    fi
    count=$((count + 1))
done < <(find core sim reports -name '*.[ch]' -print0 | sort -z |
    xargs -0 grep -HnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]' |
    sed -E 's/^([^:]*:[^:]*:)[^<"]*([<"][^>"]*[>"]).*/\1\2/')
[ "$count" -gt 0 ] || { echo "no include found under $1"; exit 1; }
exit "$failed"
