#!/usr/bin/env bash
# The list of fault points is complete, and says nothing that is not there.
#
#   1. each point of fault_points.def is used at exactly one place of the core;
#   2. each RAFT_AT_… in the core is in the list;
#   3. names are unique and of the form area.operation.step;
#   4. no failing status is born without a point: a line that returns or assigns one stands, in the
#      same function, within a few lines of the point that lets it fail.
#
# Usage: points.sh ROOT
set -euo pipefail
cd "$1"
list=core/include/raft/fault_points.def
failed=0

fail() {
    echo "$*"
    failed=1
}

sources=$(find core -name '*.c' | sort)
listed=$(sed -nE 's/^RAFT_FAULT_POINT\(([A-Z0-9_]+),.*/\1/p' "$list")
[ -n "$listed" ] || { echo "$list: no point"; exit 1; }

# shellcheck disable=SC2086 # a list of files without spaces
used=$(sed -E 's://.*$::; s:/\*.*\*/::g' $sources | grep -oE 'RAFT_AT_[A-Z0-9_]+' |
    sed 's/^RAFT_AT_//' | sort)

miscounted=$(awk -v list="$list" '
    NR == FNR { times[$0]++; next }
    { known[$0] = 1; if (times[$0] != 1) print list ": " $0 " is used " times[$0] + 0 " times" }
    END { for (id in times) if (!known[id]) print "RAFT_AT_" id " is not in " list }
    ' <(echo "$used") <(echo "$listed"))
[ -z "$miscounted" ] || fail "$miscounted"

names=$(tr '\n' ' ' <"$list" | grep -oE 'RAFT_FAULT_POINT\([A-Z0-9_]+, *"[^"]*"' |
    sed -E 's/.*"([^"]*)"/\1/')
[ "$(wc -l <<<"$names")" -eq "$(wc -l <<<"$listed")" ] || fail "$list: a point without a name"
for name in $(sort <<<"$names" | uniq -d); do
    fail "$list: the name $name is given twice"
done
for name in $names; do
    [[ $name =~ ^[a-z]+(\.[a-z0-9_]+)+$ ]] || fail "$list: $name is not of the form area.operation.step"
done

# A literal is no birth where it only passes on what it was compared with, where an assertion says
# that the line is never reached, and where a comment says why there is no fault point.
# shellcheck disable=SC2086
unborn=$(awk '
    function report() { if (waiting != "") print waiting; waiting = "" }
    FNR == 1 || /^\{/ || /^\}/ { report(); seen = -100 }
    /RAFT_AT_[A-Z0-9_]+/ || /[(, ]point[,)]/ { seen = FNR; waiting = "" }
    /no fault point/ || /assert\(!"/ { seen = FNR - 4 }
    waiting != "" && FNR > wait_end { report() }
    match($0, /(return|[^=!<>]=) RAFT_(NOMEM|IO|NOSPACE|CORRUPT|BUSY|NOT_LEADER|READONLY|STALE|GAP|COMPACTED|FULL|INVALID|MACHINE|LOST_STORE|NOT_FOUND)(;| :)/) {
        literal = substr($0, RSTART, RLENGTH)
        sub(/.* RAFT_/, "RAFT_", literal)
        sub(/[; :]+$/, "", literal)
        if (FNR - seen > 8 && previous !~ "[=!]= " literal "[^A-Z_]") {
            waiting = FILENAME ":" FNR ": a status without a fault point: " $0
            wait_end = FNR + 3
        }
    }
    { previous = $0 }
    END { report() }' $sources)
[ -z "$unborn" ] || fail "$unborn"
exit "$failed"
