#!/usr/bin/env bash
# Nothing lies around: every source, scenario, patch, check and unit test is named by the
# CMakeLists.txt of its folder or of a folder above it. Usage: registered.sh ROOT
set -euo pipefail
cd "$1"
failed=0

declare -A lists # the text of each CMakeLists.txt, by folder
while IFS= read -r list; do
    lists[$(dirname "$list")]=$(<"$list")
done < <(find . -name CMakeLists.txt ! -path './build/*' | sed 's:^\./::')

is_registered() { # FILE
    local folder=$1 name pattern
    while :; do
        [[ $folder == */* ]] && folder=${folder%/*} || folder=.
        if [ -n "${lists[$folder]:-}" ]; then
            name=$1
            [ "$folder" = . ] || name=${1#"$folder"/}
            pattern="(^|[^A-Za-z0-9_./-])${name//./\\.}(\$|[^A-Za-z0-9_./-])"
            [[ ${lists[$folder]} =~ $pattern ]] && return 0
        fi
        [ "$folder" = . ] && return 1
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
