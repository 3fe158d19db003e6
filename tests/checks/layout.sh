#!/usr/bin/env bash
# The top level holds what was agreed and nothing else, and every folder says in a README what lives
# there and what may not. Usage: layout.sh ROOT
set -euo pipefail
cd "$1"
failed=0

for entry in *; do
    case $entry in
    CMakeLists.txt | CMakePresets.json | core | sim | scenarios | reports | tests) ;;
    README.md | LICENSE) ;;
    build | *.db | *.html) ;; # what the tools write, ignored by git
    *)
        echo "$entry: does not belong at the top level"
        failed=1
        ;;
    esac
done
while IFS= read -r folder; do
    [ -s "$folder/README.md" ] || {
        echo "$folder: has no README.md"
        failed=1
    }
done < <(find core sim scenarios reports tests -type d ! -path core/include/raft | sort)
exit "$failed"
