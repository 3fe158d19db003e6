#!/usr/bin/env bash
# A function fits a screen and a file holds one idea: more than 90 lines for a function, or 600 for
# a file (900 for one of tests, which has tables), is past what the house style stretches to.
# Usage: size.sh ROOT
set -euo pipefail
cd "$1"
find core sim reports tests -name '*.[ch]' | sort | xargs awk '
    function ended() { if (file != "" && lines > (file ~ /^tests/ ? 900 : 600)) { print file ": " lines " lines"; bad = 1 } }
    FNR == 1 { ended(); file = FILENAME; start = 0; head = "" }
    { lines = FNR }
    /^[a-z].*[^;]$/ { head = $0 }
    /^\{/ { start = FNR }
    /^\}/ {
        if (start && FNR - start > 90 && head !~ /^(struct|enum|union|static const)/) {
            print FILENAME ":" start ": a function of " FNR - start " lines"
            bad = 1
        }
        start = 0
    }
    END { ended(); exit bad }'
