#!/usr/bin/env bash
# A build with SQUALL_EDGES counts the blocks of the core that each execution enters: the same for the
# same execution, more with every path that a sweep opens, each with a place in the core.
# Usage: edges.sh SQUALL SCENARIO SCRATCH
set -euo pipefail
squall=$1 scenario=$2 scratch=$3
rm -rf "$scratch"
mkdir -p "$scratch"
db=$scratch/edges.db

"$squall" run "$scenario" --seeds 1 --db "$db" >"$scratch/run.txt"
"$squall" run "$scenario" --seeds 1 --db "$db" >>"$scratch/run.txt"
"$squall" sweep "$scenario" --seeds 1 --db "$db" >"$scratch/sweep.txt"
answer=$(sqlite3 "$db" "
    SELECT 'two runs of one seed entered different blocks' WHERE
        (SELECT count(DISTINCT coverage_hash) FROM executions WHERE branch = 0) <> 1;
    SELECT 'a run entered hardly anything' WHERE
        (SELECT min(edges) FROM executions WHERE branch = 0) < 500;
    SELECT 'the sweep opened no path' WHERE
        (SELECT sum(new_edges) FROM executions WHERE branch = 1) < 100;
    SELECT 'a branch lost the blocks of its base: ' || plan FROM executions
        WHERE branch = 1 AND edges = 0 LIMIT 1;
    SELECT 'not in the core: ' || file FROM edges WHERE file NOT LIKE 'core/%' LIMIT 1;
    SELECT 'a line without its text: ' || file || ':' || line FROM edges
        WHERE line > 0 AND source = '' LIMIT 1;
    SELECT 'more blocks than there are' WHERE
        (SELECT count(*) FROM edge_coverage) > (SELECT count(*) FROM edges);
    SELECT 'the first executions do not add up' WHERE
        (SELECT sum(new_edges) FROM executions e JOIN runs r ON r.id = e.run WHERE r.number = 3) >
        (SELECT count(*) FROM edge_coverage)")
if [ -n "$answer" ]; then
    echo "$answer"
    exit 1
fi
"$squall" report "$db" | grep -A1 '^Lines never entered'
