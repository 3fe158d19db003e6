#!/usr/bin/env bash
# Nothing lies around: every source, scenario, patch, check and unit test is named by the
# CMakeLists.txt of its folder or of a folder above it. Usage: registered.sh ROOT
set -euo pipefail
cd "$1"
failed=0

is_registered() { # FILE
    local folder name
    folder=$(dirname "$1")
    while :; do
        if [ -f "$folder/CMakeLists.txt" ]; then
            name=$1
            [ "$folder" = . ] || name=${1#"$folder"/}
            name=${name//./\\.}
            if grep -qE "(^|[^A-Za-z0-9_./-])$name($|[^A-Za-z0-9_./-])" "$folder/CMakeLists.txt"; then
                return 0
            fi
        fi
        [ "$folder" = . ] && return 1
        folder=$(dirname "$folder")
    done
}

count=0
while IFS= read -r file; do
    is_registered "${file#./}" || {
        echo "${file#./}: is in no CMakeLists.txt"
        failed=1
    }
    count=$((count + 1))
done < <(find core sim reports tests scenarios -type f \
    ! -name '*.md' ! -name CMakeLists.txt ! -path 'scenarios/lib/*' | sort)
[ "$count" -gt 0 ] || { echo "no file found under $1"; exit 1; }
exit "$failed"
