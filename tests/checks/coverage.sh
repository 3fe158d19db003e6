#!/usr/bin/env bash
# What the library of scenarios and its sweep leave of the core's code: at least 97 of 100 lines are
# executed, and the others are exactly those that uncovered.txt lists, each under its reason. No line
# is excluded by a mark in the code. Not counted is core/posix, which no simulation runs.
#
# In uncovered.txt a line is its file, its function and its text, so that it survives a change
# elsewhere.
# Usage: coverage.sh ROOT BUILD UNCOVERED.txt SCRATCH (a build with SQUALL_PROFILE=coverage)
set -euo pipefail
root=$(cd "$1" && pwd)
build=$(cd "$2" && pwd)
list=$3 scratch=$4
objects=("$build"/core/CMakeFiles/raft_core.dir "$build"/core/CMakeFiles/raft_replica.dir)
rm -rf "$scratch"
mkdir -p "$scratch"

# Runs a command of squall and writes NAME.lines: the lines that were not executed; prints how many
# were, and of how many.
measure() { # NAME COMMAND…
    local name=$1
    shift
    mkdir "$scratch/$name"
    "$build/squall" "$@" --no-db >"$scratch/$name.out" 2>&1 || {
        tail -n 5 "$scratch/$name.out" >&2
        return 1
    }
    (cd "$scratch/$name" && find "${objects[@]}" -name '*.gcda' -print0 | sort -z |
        xargs -0 gcov -p >../gcov.out)
    awk -v root="$root/" -v lines="$scratch/$name.lines" '
        {
            count = $0; sub(/:.*/, "", count); gsub(/[ *]/, "", count)
            rest = substr($0, index($0, ":") + 1)
            number = substr(rest, 1, index(rest, ":") - 1) + 0
            text = substr(rest, index(rest, ":") + 1)
        }
        number == 0 && text ~ /^Source:/ {
            file = substr(text, 8)
            is_ours = index(file, root "core/") == 1
            file = substr(file, length(root) + 1)
            name = ""
        }
        # A line at the margin that has a parameter list begins a function.
        text ~ /^[a-z].*\(/ && text !~ /;$/ {
            name = text
            sub(/\(.*/, "", name)
            sub(/.*[ *]/, "", name)
        }
        number > 0 && is_ours && count != "-" {
            all++
            if (count ~ /^[#=]+$/) {
                sub(/^[ \t]+/, "", text)
                print file " " name ": " text > lines
            } else {
                done++
            }
        }
        END { print done + 0, all + 0 }' "$scratch/$name"/*.gcov
    sort -o "$scratch/$name.lines" "$scratch/$name.lines"
}

# One small scenario alone leaves much: the measure sees what is missing.
find "${objects[@]}" -name '*.gcda' -delete
read -r done all <<<"$(measure hello run "$root/scenarios/hello.lua")"
if [ "$((done * 100))" -ge "$((all * 97))" ]; then
    echo "hello.lua alone is said to execute $done of $all lines: nothing is measured"
    exit 1
fi

measure seeds run "$root/scenarios" >/dev/null
read -r done all <<<"$(measure sweep sweep "$root/scenarios")"
sed -n 's/^  //p' "$list" | sort >"$scratch/listed.lines"
echo "$done of $all lines of the core executed, $((done * 1000 / all / 10)).$((done * 1000 / all % 10)) %"
awk '/^#/ || /^$/ { next }
     /^  / { count[reason]++; next }
     { reason = $0; order[++reasons] = $0 }
     END { for (i = 1; i <= reasons; i++) print count[order[i]] " left: " order[i] }' "$list"
if ! diff "$scratch/listed.lines" "$scratch/sweep.lines" >"$scratch/diff.txt"; then
    sed -n 's/^> /not executed, and without a reason: /p
            s/^< /has a reason, but is executed or gone: /p' "$scratch/diff.txt"
    exit 1
fi
if [ "$((done * 100))" -lt "$((all * 97))" ]; then
    echo "fewer than 97 of 100"
    exit 1
fi
