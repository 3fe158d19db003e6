#!/usr/bin/env bash
# Going back to a checkpoint at 1,000 random events of a run, and on from there, gives the hash of the
# run that was left alone. Usage: restore.sh SQUALL SCENARIO
set -euo pipefail
"$1" verify "$2" --seeds 1..2 --restores 1000 --no-db
