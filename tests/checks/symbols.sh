#!/usr/bin/env bash
# What the archives need and keep. The core needs a handful of functions of the C library and
# nothing else: no allocator, no clock, no random numbers, no files, no printing. Neither the core
# nor the simulator has a writable global, since a checkpoint of the world copies the arena alone.
#
# Usage: symbols.sh (core|globals) ARCHIVE… (globals: asks the second only)
set -euo pipefail
kind=$1
shift
failed=0

if [ "$kind" = core ]; then
    allow='^(memcpy|memmove|memset|memcmp|strlen|__assert_fail|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_)$'
    defined=$(nm --defined-only --format=posix "$@" | awk 'NF > 1 { print $1 }' | sort -u)
    needed=$(nm --undefined-only --format=posix "$@" | awk 'NF > 1 { print $1 }' | sort -u)
    [ -n "$defined" ] || { echo "no symbol in $*"; exit 1; }
    foreign=$(comm -13 <(echo "$defined") <(echo "$needed") | grep -vE "$allow" || true)
    for symbol in $foreign; do
        echo "needs $symbol: $(nm -A --undefined-only "$@" 2>/dev/null |
            awk -v s="$symbol" '$NF == s { print $1; exit }')"
        failed=1
    done
fi

# A table of constant pointers lies in .data.rel.ro, which the loader seals: only the sections that
# stay writable count.
writable=$(objdump -t "$@" | awk '
    / file format / { object = $1 }
    {
        for (i = 2; i < NF; i++) {
            if ($i ~ /^(\.data|\.bss|\.tdata|\.tbss|\*COM\*)/ && $i !~ /^\.data\.rel\.ro/ &&
                $(i + 1) !~ /^0+$/) {
                print object " " $NF
            }
        }
    }')
if [ -n "$writable" ]; then
    echo "writable globals:"
    echo "$writable"
    failed=1
fi
exit "$failed"
