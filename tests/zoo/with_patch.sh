#!/usr/bin/env bash
# Copies the files that a patch changes, and applies it to the copies. Usage: with_patch.sh SOURCE
# PATCH COPY FILE…
set -euo pipefail
source=$1 patch=$2 copy=$3
shift 3
rm -rf "$copy/core"
for file in "$@"; do
    mkdir -p "$copy/$(dirname "$file")"
    cp "$source/$file" "$copy/$file"
done
# Not a line of context may be missing: a patch that applies only roughly may break something else.
patch -d "$copy" -p1 --forward --batch --fuzz=0 --no-backup-if-mismatch -i "$patch" >"$copy/patch.txt" || {
    cat "$copy/patch.txt"
    rm -rf "$copy/core"
    echo "$patch does not apply to the core" >&2
    exit 1
}
# All copies are newer than what they were made from, also those that patch has renamed into place.
for file in "$@"; do
    touch "$copy/$file"
done
