-- From number 1 to number 2: points have a place and classes; what came of them is counted by outcome
-- and by the phase of a node's life; edges of the code are counted;
-- liveness, probes, and what came of each fault. The schema dropped its views before, and makes them again.
ALTER TABLE fault_points ADD COLUMN place TEXT NOT NULL DEFAULT '';
ALTER TABLE point_outcomes ADD COLUMN class TEXT NOT NULL DEFAULT 'always';
ALTER TABLE point_outcomes ADD COLUMN reason TEXT NOT NULL DEFAULT '';
ALTER TABLE injections ADD COLUMN phase TEXT NOT NULL DEFAULT 'unknown';
ALTER TABLE executions ADD COLUMN edges INTEGER NOT NULL DEFAULT 0;
ALTER TABLE executions ADD COLUMN new_edges INTEGER NOT NULL DEFAULT 0;
ALTER TABLE executions ADD COLUMN coverage_hash TEXT NOT NULL DEFAULT '';

CREATE TABLE edges (
    id       INTEGER PRIMARY KEY,
    file     TEXT NOT NULL,
    line     INTEGER NOT NULL,
    function TEXT NOT NULL,
    ordinal  INTEGER NOT NULL,
    source   TEXT NOT NULL
);
CREATE TABLE edge_coverage (
    edge            INTEGER PRIMARY KEY REFERENCES edges (id),
    executions      INTEGER NOT NULL,
    first_execution INTEGER NOT NULL REFERENCES executions (id)
);

ALTER TABLE point_coverage RENAME TO old_coverage;
CREATE TABLE point_coverage (
    point           INTEGER NOT NULL REFERENCES fault_points (id),
    outcome         TEXT NOT NULL,
    role            TEXT NOT NULL,
    phase           TEXT NOT NULL,
    scenario        INTEGER NOT NULL REFERENCES scenarios (id),
    times           INTEGER NOT NULL,
    executions      INTEGER NOT NULL,
    survived        INTEGER NOT NULL,
    first_execution INTEGER NOT NULL REFERENCES executions (id),
    PRIMARY KEY (point, outcome, role, phase, scenario)
) WITHOUT ROWID;
INSERT INTO point_coverage
SELECT point, 'reached', role, 'unknown', scenario, sum(hits), 0, 0, min(first_execution)
FROM old_coverage GROUP BY point, role, scenario;
INSERT INTO point_coverage
SELECT i.point, i.outcome, i.role, 'unknown', e.scenario, sum(i.repeats),
       count(DISTINCT i.execution),
       count(DISTINCT CASE WHEN e.outcome = 'ok' THEN i.execution END), min(i.execution)
FROM injections i JOIN executions e ON e.id = i.execution
GROUP BY i.point, i.outcome, i.role, e.scenario;
DROP TABLE old_coverage;

CREATE TABLE liveness (
    execution    INTEGER PRIMARY KEY REFERENCES executions (id),
    leader_ns    INTEGER,
    commit_ns    INTEGER,
    converged_ns INTEGER,
    elections    INTEGER NOT NULL,
    terms        INTEGER NOT NULL,
    messages     INTEGER NOT NULL
);

CREATE TABLE probes (
    id       INTEGER PRIMARY KEY,
    name     TEXT NOT NULL UNIQUE,
    sentence TEXT NOT NULL
);
CREATE TABLE probe_hits (
    probe           INTEGER NOT NULL REFERENCES probes (id),
    scenario        INTEGER NOT NULL REFERENCES scenarios (id),
    executions      INTEGER NOT NULL,
    hits            INTEGER NOT NULL,
    first_execution INTEGER NOT NULL REFERENCES executions (id),
    PRIMARY KEY (probe, scenario)
) WITHOUT ROWID;

CREATE TABLE efficacies (
    execution INTEGER NOT NULL REFERENCES executions (id),
    number    INTEGER NOT NULL,
    efficacy  TEXT NOT NULL,
    PRIMARY KEY (execution, number)
) WITHOUT ROWID;
