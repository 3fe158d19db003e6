#!/usr/bin/env bash
# Shows that the checks can fail: for each, plants one violation in a copy of the tree, and expects
# the check to exit with 1 and to name what was planted. The copy without a plant must pass.
#
# Usage: planted.sh ROOT SCRATCH
set -euo pipefail
root=$1
scratch=$2
checks=$root/tests/checks
failed=0

fresh() {
    rm -rf "$scratch"
    mkdir -p "$scratch"
    for entry in CMakeLists.txt CMakePresets.json LICENSE README.md .clang-format core sim scenarios \
        reports tests; do
        cp -r "$root/$entry" "$scratch/"
    done
}

passes() { # CHECK
    local out
    if ! out=$("$checks/$1.sh" "$scratch" 2>&1); then
        echo "$1 fails on the tree as it is:"
        echo "$out"
        failed=1
    fi
}

fails() { # CHECK TEXT
    local out status=0
    out=$("$checks/$1.sh" "$scratch" 2>&1) || status=$?
    if [ "$status" -eq 0 ] || ! grep -qF -- "$2" <<<"$out"; then
        echo "$1 did not find what was planted (status $status, wanted \"$2\"):"
        echo "$out"
        failed=1
    fi
}

# CHECK TEXT FILE LINE: appends the line to the file.
plant() {
    cp "$scratch/$3" "$scratch.kept" 2>/dev/null || rm -f "$scratch.kept"
    printf '%s\n' "$4" >>"$scratch/$3"
    fails "$1" "$2"
    if [ -f "$scratch.kept" ]; then mv "$scratch.kept" "$scratch/$3"; else rm "$scratch/$3"; fi
}

fresh
for check in layering points registered waivers layout words size; do
    passes "$check"
done

plant layering 'core/raft/entry.c' core/raft/entry.c '#include <stdlib.h>'
plant layering 'core/log/log.c' core/log/log.c '#include <raft/env.h>'
plant layering 'core/replica/replica.c' core/replica/replica.c '#include <raft/posix.h>'
plant layering 'sim/network.c' sim/network.c '#include <sqlite3.h>'
plant layering 'sim/scheduler.c' sim/scheduler.c '#include <time.h>'
plant layering 'sim/world.c' sim/world.c '#include <lua.h>'
plant layering 'sim/history/search.c' sim/history/search.c '#include <sim/world.h>'
plant layering 'sim/explorer/' sim/explorer/planted.c '#include <reports/store.h>'
plant layering 'reports/store.c' reports/store.c '#include <sim/world.h>'

list=core/include/raft/fault_points.def
plant points 'PLANTED_NEVER_USED is used 0 times' $list \
    'RAFT_FAULT_POINT(PLANTED_NEVER_USED, "planted.never.used", EXIT, NONE, "planted")'
plant points 'LOG_RESERVE_ALLOC is used 2 times' core/log/log.c \
    'static const int planted = RAFT_AT_LOG_RESERVE_ALLOC;'
plant points 'RAFT_AT_PLANTED_UNKNOWN is not in' core/log/log.c \
    'static const int planted = RAFT_AT_PLANTED_UNKNOWN;'
plant points 'log.reserve.alloc is given twice' $list \
    'RAFT_FAULT_POINT(PLANTED_TWICE, "log.reserve.alloc", EXIT, NONE, "planted")'
plant waivers 'PLANTED is counted nowhere' sim/waivers.def \
    'SIM_WAIVER(PLANTED, BOUNDED, "bounded.planted", "planted")'
plant waivers 'no unit test reaches PLANTED' sim/waivers.def \
    'SIM_WAIVER(PLANTED, BOUNDED, "bounded.planted", "planted")'
plant points 'a status without a fault point' core/log/log.c $'static int planted(void)\n{\n    return RAFT_IO;\n}'

plant registered 'core/log/stray.c' core/log/stray.c ''
plant registered 'scenarios/stray.lua' scenarios/stray.lua ''
plant registered 'tests/unit/test_stray.c' tests/unit/test_stray.c ''
plant registered 'tests/zoo/stray.patch' tests/zoo/stray.patch ''
plant layout 'notes.txt' notes.txt 'planted'
plant words 'left over' sim/world.c "/* TO""DO: planted */"
plant words 'paths of a machine' sim/world.c '/* /ho''me/somebody */'
plant size 'sim/planted.c' sim/planted.c "$(yes '/* planted */' | head -700)"
plant format 'sim/random.c' sim/random.c 'int   planted ;'
plant headers 'sim/random.h' sim/random.h 'struct planted { unknown_type field; };'

# Symbols: an archive that needs malloc, and one with a writable global.
planted=$scratch/symbols
mkdir -p "$planted"
archive() { # TEXT
    printf '%s\n' "$1" | gcc -c -x c - -o "$planted/planted.o"
    rm -f "$planted/planted.a"
    ar rcs "$planted/planted.a" "$planted/planted.o"
}
expect_symbols() { # WANTED-STATUS TEXT
    local out status=0
    out=$("$checks/symbols.sh" core "$planted/planted.a" 2>&1) || status=$?
    if [ "$status" -ne "$1" ] || ! grep -qF -- "$2" <<<"$out"; then
        echo "symbols: status $status, wanted $1 with \"$2\":"
        echo "$out"
        failed=1
    fi
}
archive '#include <stdlib.h>
void *planted(void) { return malloc(1); }'
expect_symbols 1 'needs malloc'
archive 'int planted_counter; int planted(void) { return planted_counter++; }'
expect_symbols 1 'planted_counter'
archive 'int planted(void) { static int calls; return calls++; }'
expect_symbols 1 'calls'
archive 'static const char *const names[] = {"a", "b"}; const char *planted(int i) { return names[i]; }'
expect_symbols 0 ''

rm -rf "$scratch"
exit "$failed"
