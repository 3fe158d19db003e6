-- The schema of a campaign's file, number 5.
--
-- Tables hold what was seen; views are what people and programs should read, and keep their columns
-- from one schema number to the next. Words (outcomes, roles, phases, kinds) are text, so that a
-- query reads without this program. Ids are content hashes below 2^53: merging two files is
-- INSERT OR IGNORE, and a JavaScript reader keeps every digit. Hashes of a run have 64 bits and
-- are stored as 16 hexadecimal digits.
--
-- No table is STRICT, since widely used browsers have an older SQLite inside; the tests run this
-- same text with STRICT added behind every table's closing line.

-- What wrote this file.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- The program and the implementation under test.
CREATE TABLE builds (
    id       INTEGER PRIMARY KEY,
    sut      TEXT NOT NULL, -- name of the implementation
    sut_file TEXT NOT NULL, -- of --sut, or ''; with --sut-next 'FILE => NEXT'
    compiler TEXT NOT NULL,
    flags    TEXT NOT NULL,
    build_id TEXT NOT NULL
);

-- One per command line.
CREATE TABLE runs (
    id         INTEGER PRIMARY KEY,
    number     INTEGER NOT NULL, -- from 1, in this file
    build      INTEGER NOT NULL REFERENCES builds (id),
    command    TEXT NOT NULL,
    started_at INTEGER NOT NULL, -- seconds since 1970, UTC
    outcome    TEXT,             -- NULL: it was interrupted
    wall_ns    INTEGER
);

-- A scenario with the text it had; an edited scenario is another row.
CREATE TABLE scenarios (
    id   INTEGER PRIMARY KEY,
    file TEXT NOT NULL,
    name TEXT NOT NULL,
    doc  TEXT NOT NULL,
    tags TEXT NOT NULL,
    text TEXT NOT NULL -- '' if it was not kept
);

-- Parameter sets: as one text, and value by value.
CREATE TABLE parameter_sets (
    id   INTEGER PRIMARY KEY,
    text TEXT NOT NULL
);
CREATE TABLE parameters (
    parameter_set INTEGER NOT NULL REFERENCES parameter_sets (id),
    name          TEXT NOT NULL,
    value         TEXT NOT NULL,
    PRIMARY KEY (parameter_set, name)
) WITHOUT ROWID;

-- The unit that replays: (scenario, parameters, seed, plan) with one build.
CREATE TABLE executions (
    id               INTEGER PRIMARY KEY,
    run              INTEGER NOT NULL REFERENCES runs (id),
    number           INTEGER NOT NULL, -- from 1, in its run
    scenario         INTEGER NOT NULL REFERENCES scenarios (id),
    parameter_set    INTEGER NOT NULL REFERENCES parameter_sets (id),
    seed             INTEGER NOT NULL,
    plan             TEXT NOT NULL, -- faults beside the script's, '' for none
    outcome          TEXT NOT NULL, -- ok, finding, error, skipped, xfail, diverged, unavailable-by-budget
    note             TEXT NOT NULL, -- a script's error, the reason of a skip, what an interruption left out
    events           INTEGER NOT NULL,
    sim_ns           INTEGER NOT NULL,
    wall_ns          INTEGER NOT NULL,
    trace_hash       TEXT NOT NULL,
    state_hash       TEXT NOT NULL,
    commits          INTEGER NOT NULL,
    leader_changes   INTEGER NOT NULL,
    faults_fired     INTEGER NOT NULL,
    requests_ok      INTEGER NOT NULL,
    requests_failed  INTEGER NOT NULL,
    requests_unknown INTEGER NOT NULL,
    disturbed        INTEGER NOT NULL, -- 1: an injected fault ended the script early
    branch           INTEGER NOT NULL, -- 1: of a sweep, continued from a checkpoint
    replay           TEXT,             -- the command that repeats it; NULL if it passed
    edges            INTEGER NOT NULL DEFAULT 0,  -- of the core's code that it went over
    new_edges        INTEGER NOT NULL DEFAULT 0,  -- of them, those that none before it in its run did
    coverage_hash    TEXT    NOT NULL DEFAULT '', -- of the set of edges; '' if they are not counted
    masked           INTEGER NOT NULL DEFAULT 0   -- the event after which a branch was its base run
                                                  -- again, and ended: its result is the base run's,
                                                  -- its counts end there; 0: it went to its end
);
CREATE INDEX executions_by_scenario ON executions (scenario);
CREATE INDEX executions_by_outcome ON executions (outcome) WHERE outcome <> 'ok';

-- Every place that can fail, and what may be injected there. The area is the first part of the name.
CREATE TABLE fault_points (
    id      INTEGER PRIMARY KEY,
    name    TEXT NOT NULL UNIQUE,
    area    TEXT NOT NULL,
    kind    TEXT NOT NULL, -- memory, file, queue, machine, exit
    meaning TEXT NOT NULL,
    place   TEXT NOT NULL DEFAULT '' -- in the code: core/log/log.c:12; '' if nobody says
);
-- An exit that is only counted has the one outcome taken: the state itself took it.
CREATE TABLE point_outcomes (
    point   INTEGER NOT NULL REFERENCES fault_points (id),
    outcome TEXT NOT NULL,
    class   TEXT NOT NULL DEFAULT 'always', -- always, rare or never: does a sweep of a library fire it
    reason  TEXT NOT NULL DEFAULT '',       -- why not
    PRIMARY KEY (point, outcome)
) WITHOUT ROWID;

-- Faults that fired; of one execution the first ones only.
CREATE TABLE injections (
    execution  INTEGER NOT NULL REFERENCES executions (id),
    number     INTEGER NOT NULL, -- from 1, in its execution
    point      INTEGER NOT NULL REFERENCES fault_points (id),
    outcome    TEXT NOT NULL,
    occurrence INTEGER NOT NULL, -- the nth consultation of the point in this execution; at an
                                 -- instant (instant.*, where a sweep strikes beside the points):
                                 -- the nth of its kind
    node       INTEGER NOT NULL,
    role       TEXT NOT NULL,
    event      INTEGER NOT NULL,
    time_ns    INTEGER NOT NULL,
    persistent INTEGER NOT NULL, -- 1: every consultation from this one on
    repeats    INTEGER NOT NULL, -- how often it fired in all
    phase      TEXT NOT NULL DEFAULT 'unknown', -- as in point_coverage
    PRIMARY KEY (execution, number)
) WITHOUT ROWID;

-- What came of a point in which context, and how often. Beside what can be injected the outcome is
-- reached (the point was consulted at all) or taken (the state itself took this exit). The phase is
-- that of the node's life: starting (on an empty disk), recovering (a later start), follower,
-- candidate, leader, transferring, installing (a snapshot), stopping; unknown in rows that an older
-- program wrote.
CREATE TABLE point_coverage (
    point           INTEGER NOT NULL REFERENCES fault_points (id),
    outcome         TEXT NOT NULL,
    role            TEXT NOT NULL, -- follower, precandidate, candidate, leader
    phase           TEXT NOT NULL,
    scenario        INTEGER NOT NULL REFERENCES scenarios (id),
    times           INTEGER NOT NULL,
    executions      INTEGER NOT NULL, -- in which it happened; of reached they are not counted
    survived        INTEGER NOT NULL, -- so many of them passed
    first_execution INTEGER NOT NULL REFERENCES executions (id),
    PRIMARY KEY (point, outcome, role, phase, scenario)
) WITHOUT ROWID;

-- The places between which the implementation under test can go, one for each block of its code that
-- the compiler knows; empty if it was not compiled with counters. The same place has the same id in
-- every build.
CREATE TABLE edges (
    id       INTEGER PRIMARY KEY,
    file     TEXT NOT NULL,
    line     INTEGER NOT NULL,
    function TEXT NOT NULL,
    ordinal  INTEGER NOT NULL, -- among those of the same line, from 0
    source   TEXT NOT NULL     -- the line's text, '' if it could not be read
);
CREATE TABLE edge_coverage (
    edge            INTEGER PRIMARY KEY REFERENCES edges (id),
    executions      INTEGER NOT NULL, -- that went over it
    first_execution INTEGER NOT NULL REFERENCES executions (id)
);

-- A broken rule; one an execution at most.
CREATE TABLE findings (
    execution INTEGER PRIMARY KEY REFERENCES executions (id),
    rule      TEXT NOT NULL,
    signature TEXT NOT NULL, -- equal for findings that are probably one bug
    message   TEXT NOT NULL,
    event     INTEGER NOT NULL, -- the first bad step
    time_ns   INTEGER NOT NULL,
    node      INTEGER NOT NULL  -- 0: none in particular
);
CREATE INDEX findings_by_signature ON findings (signature);

-- References and other owned things that were left, with the unmatched hold.
CREATE TABLE leaks (
    execution   INTEGER NOT NULL REFERENCES executions (id),
    number      INTEGER NOT NULL, -- from 1, in its execution
    kind        TEXT NOT NULL,    -- entry, file, memory, request, …
    holder      TEXT NOT NULL,
    site        TEXT NOT NULL,
    path        TEXT NOT NULL, -- sites since, oldest first
    event       INTEGER NOT NULL,
    term        INTEGER NOT NULL,
    entry_index INTEGER NOT NULL,
    node        INTEGER NOT NULL,
    count       INTEGER NOT NULL, -- too many; negative: too few
    PRIMARY KEY (execution, number)
) WITHOUT ROWID;

CREATE TABLE oracles (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    rule TEXT NOT NULL
);
CREATE TABLE oracle_checks (
    run            INTEGER NOT NULL REFERENCES runs (id),
    oracle         INTEGER NOT NULL REFERENCES oracles (id),
    checks         INTEGER NOT NULL,
    skipped_reason TEXT, -- in at least one execution; NULL: it was always on
    PRIMARY KEY (run, oracle)
) WITHOUT ROWID;

-- What a cluster needed after every fault of an execution had ended; NULL: it did not come to that.
CREATE TABLE liveness (
    execution    INTEGER PRIMARY KEY REFERENCES executions (id),
    leader_ns    INTEGER, -- to a leader that a majority follows
    commit_ns    INTEGER, -- to the first entry committed
    converged_ns INTEGER, -- until all agreed and every client had its answer
    elections    INTEGER NOT NULL,
    terms        INTEGER NOT NULL,
    messages     INTEGER NOT NULL
);

-- What is counted when a run comes to it, and how often each scenario did: situations worth having
-- been in, and waivers, which are checks of an oracle that were left out for a reason.
CREATE TABLE probes (
    id       INTEGER PRIMARY KEY,
    name     TEXT NOT NULL UNIQUE,
    sentence TEXT NOT NULL,
    oracle   INTEGER REFERENCES oracles (id) -- of a waiver; NULL: it is a situation
);
CREATE TABLE probe_hits (
    probe           INTEGER NOT NULL REFERENCES probes (id),
    scenario        INTEGER NOT NULL REFERENCES scenarios (id),
    executions      INTEGER NOT NULL,
    hits            INTEGER NOT NULL,
    first_execution INTEGER NOT NULL REFERENCES executions (id),
    PRIMARY KEY (probe, scenario)
) WITHOUT ROWID;

-- What came of a fault, by comparison with the same run without it: masked, schedule, state, client
-- or violation. Only of faults for which that other run was made.
CREATE TABLE efficacies (
    execution INTEGER NOT NULL REFERENCES executions (id),
    number    INTEGER NOT NULL, -- of the injection
    efficacy  TEXT NOT NULL,
    PRIMARY KEY (execution, number)
) WITHOUT ROWID;

-- Findings by signature. A finding that was announced (xfail) is a known bug, and no bug here.
CREATE VIEW bugs AS
SELECT f.signature AS signature,
       min(f.rule) AS rule,
       count(*) AS executions,
       count(DISTINCT e.scenario) AS scenarios,
       count(DISTINCT e.seed) AS seeds,
       min(f.event) AS first_bad_event
FROM findings f JOIN executions e ON e.id = f.execution
WHERE e.outcome <> 'xfail'
GROUP BY f.signature;

-- The cheapest execution of each signature, and the command to paste.
CREATE VIEW bug_repro AS
SELECT f.signature AS signature, f.rule AS rule, f.message AS message, f.event AS event,
       f.time_ns AS time_ns, f.node AS node, e.id AS execution, s.file AS file, s.name AS scenario,
       p.text AS parameters, e.seed AS seed, e.plan AS plan, e.events AS events,
       e.sim_ns AS sim_ns, e.trace_hash AS trace_hash, e.replay AS command
FROM (SELECT signature FROM findings GROUP BY signature) g
JOIN executions e
    ON e.id = (SELECT e2.id FROM findings f2 JOIN executions e2 ON e2.id = f2.execution
               WHERE f2.signature = g.signature AND e2.outcome <> 'xfail'
               ORDER BY e2.events, e2.id LIMIT 1)
JOIN findings f ON f.execution = e.id
JOIN scenarios s ON s.id = e.scenario
JOIN parameter_sets p ON p.id = e.parameter_set;

-- Points: how often reached, how often failed.
CREATE VIEW point_totals AS
SELECT p.id AS point, p.name AS name, p.area AS area, p.kind AS kind, p.meaning AS meaning,
       (SELECT count(*) FROM point_outcomes o
        WHERE o.point = p.id AND o.outcome <> 'taken') AS outcomes,
       coalesce((SELECT sum(c.times) FROM point_coverage c
                 WHERE c.point = p.id AND c.outcome = 'reached'), 0) AS hits,
       coalesce((SELECT sum(c.times) FROM point_coverage c
                 WHERE c.point = p.id AND c.outcome NOT IN ('reached', 'taken')), 0) AS fired,
       coalesce((SELECT sum(c.times) FROM point_coverage c
                 WHERE c.point = p.id AND c.outcome = 'taken'), 0) AS taken,
       p.place AS place
FROM fault_points p;

-- Point by outcome: declared or not, in how many executions, how often, and how many of these
-- executions passed.
CREATE VIEW point_matrix AS
WITH seen AS (SELECT point, outcome, sum(executions) AS injections, sum(times) AS fired,
                     sum(survived) AS survived
              FROM point_coverage WHERE outcome <> 'reached' GROUP BY point, outcome)
SELECT p.area AS area, p.name AS point, o.outcome AS outcome, 1 AS declared,
       coalesce(i.injections, 0) AS injections, coalesce(i.fired, 0) AS fired,
       coalesce(i.survived, 0) AS survived, o.class AS class, o.reason AS reason
FROM point_outcomes o
JOIN fault_points p ON p.id = o.point
LEFT JOIN seen i ON i.point = o.point AND i.outcome = o.outcome
UNION ALL
SELECT p.area, p.name, i.outcome, 0, i.injections, i.fired, i.survived, '', ''
FROM seen i JOIN fault_points p ON p.id = i.point
WHERE i.outcome <> 'taken' AND NOT EXISTS
    (SELECT 1 FROM point_outcomes o WHERE o.point = i.point AND o.outcome = i.outcome);

-- What is still to be failed; reached says whether any execution came by.
CREATE VIEW points_never_injected AS
SELECT m.area AS area, m.point AS point, m.outcome AS outcome, t.kind AS kind,
       t.hits > 0 AS reached, m.class AS class, m.reason AS reason
FROM point_matrix m JOIN point_totals t ON t.name = m.point
WHERE m.declared = 1 AND m.fired = 0;

-- Point by outcome by role by phase: every declared outcome of a point in every context in which
-- the point was reached. An outcome that did not come there (fired = 0) is a gap, unless it never
-- can.
CREATE VIEW point_contexts AS
WITH reached AS (SELECT point, role, phase, sum(times) AS hits
                 FROM point_coverage WHERE outcome = 'reached' GROUP BY point, role, phase),
     came AS (SELECT point, outcome, role, phase, sum(times) AS fired,
                     sum(executions) AS executions, sum(survived) AS survived
              FROM point_coverage WHERE outcome <> 'reached' GROUP BY point, outcome, role, phase)
SELECT p.area AS area, p.name AS point, o.outcome AS outcome, o.class AS class, r.role AS role,
       r.phase AS phase, r.hits AS hits, coalesce(c.fired, 0) AS fired,
       coalesce(c.executions, 0) AS executions, coalesce(c.survived, 0) AS survived
FROM reached r
JOIN fault_points p ON p.id = r.point
JOIN point_outcomes o ON o.point = r.point
LEFT JOIN came c ON c.point = r.point AND c.outcome = o.outcome AND c.role = r.role
    AND c.phase = r.phase;

-- The same summed up over points: how much of what could fail in a role and phase has failed there.
CREATE VIEW phase_summary AS
SELECT phase, role, count(DISTINCT point) AS points, sum(class <> 'never') AS outcomes,
       sum(class <> 'never' AND fired > 0) AS fired, sum(class <> 'never' AND fired = 0) AS gaps,
       sum(executions) AS executions, sum(survived) AS survived
FROM point_contexts GROUP BY phase, role;

-- Lines that begin a block, and how many executions entered any block of it at most. The block of an
-- assertion is its failure, which ends the process: it is no line to be covered.
CREATE VIEW lines AS
SELECT e.file AS file, e.line AS line, min(e.function) AS function, max(e.source) AS source,
       coalesce(max(c.executions), 0) AS executions
FROM edges e LEFT JOIN edge_coverage c ON c.edge = e.id
WHERE e.line > 0 AND e.source NOT LIKE 'assert(%'
GROUP BY e.file, e.line;

CREATE VIEW lines_uncovered AS
SELECT file, line, function, source FROM lines WHERE executions = 0;

CREATE VIEW line_summary AS
SELECT file, count(*) AS lines, sum(executions > 0) AS covered FROM lines GROUP BY file;

-- Executions that went where none before them had been.
CREATE VIEW coverage_growth AS
SELECT r.number AS run, e.number AS number, s.name AS scenario, e.seed AS seed, e.plan AS plan,
       e.new_edges AS new_edges,
       sum(e.new_edges) OVER (PARTITION BY e.run ORDER BY e.number) AS edges
FROM executions e JOIN runs r ON r.id = e.run JOIN scenarios s ON s.id = e.scenario
WHERE e.new_edges > 0;

CREATE VIEW leaks_by_site AS
SELECT kind, holder, site, count(DISTINCT execution) AS executions, count(*) AS leaks,
       sum(count) AS references_left
FROM leaks GROUP BY kind, holder, site;

CREATE VIEW scenarios_summary AS
SELECT s.file AS file, s.name AS name, count(*) AS executions,
       sum(e.outcome = 'ok') AS ok, sum(e.outcome = 'finding') AS findings,
       sum(e.outcome = 'error') AS errors, sum(e.outcome = 'skipped') AS skipped,
       sum(e.outcome = 'xfail') AS xfail, sum(e.outcome = 'diverged') AS diverged,
       sum(e.branch) AS branches, sum(e.masked > 0) AS masked, sum(e.disturbed) AS disturbed, sum(e.events) AS events,
       sum(e.commits) AS commits, sum(e.leader_changes) AS leader_changes,
       sum(e.faults_fired) AS faults_fired, sum(e.sim_ns) AS sim_ns, sum(e.wall_ns) AS wall_ns
FROM executions e JOIN scenarios s ON s.id = e.scenario
GROUP BY s.file, s.name;

-- One build, one plan, two hashes: must be empty. An execution that ended before it had a hash (a
-- script that does not load, a process that died) cannot be compared.
CREATE VIEW nondeterminism AS
SELECT s.file AS file, s.name AS scenario, p.text AS parameters, e.seed AS seed, e.plan AS plan,
       r.build AS build, count(*) AS executions, count(DISTINCT e.trace_hash) AS hashes
FROM executions e
JOIN runs r ON r.id = e.run
JOIN scenarios s ON s.id = e.scenario
JOIN parameter_sets p ON p.id = e.parameter_set
WHERE e.outcome <> 'error' AND e.trace_hash <> '0000000000000000'
GROUP BY r.build, e.scenario, e.parameter_set, e.seed, e.plan
HAVING count(DISTINCT e.trace_hash) > 1;

-- The same across builds of one implementation: compilers and flags must not matter.
CREATE VIEW build_difference AS
SELECT s.file AS file, s.name AS scenario, p.text AS parameters, e.seed AS seed, e.plan AS plan,
       b.sut AS sut, count(DISTINCT r.build) AS builds, count(DISTINCT e.trace_hash) AS hashes
FROM executions e
JOIN runs r ON r.id = e.run
JOIN builds b ON b.id = r.build
JOIN scenarios s ON s.id = e.scenario
JOIN parameter_sets p ON p.id = e.parameter_set
WHERE e.outcome <> 'error' AND e.trace_hash <> '0000000000000000'
GROUP BY b.sut, b.sut_file, e.scenario, e.parameter_set, e.seed, e.plan
HAVING count(DISTINCT r.build) > 1 AND count(DISTINCT e.trace_hash) > 1;

CREATE VIEW liveness_by_scenario AS
SELECT s.file AS file, s.name AS scenario, e.id AS execution, e.branch AS branch,
       l.leader_ns AS leader_ns, l.commit_ns AS commit_ns, l.converged_ns AS converged_ns,
       l.elections AS elections, l.terms AS terms, l.messages AS messages
FROM liveness l
JOIN executions e ON e.id = l.execution
JOIN scenarios s ON s.id = e.scenario;

CREATE VIEW probe_totals AS
SELECT p.name AS name, p.sentence AS sentence,
       coalesce((SELECT sum(h.executions) FROM probe_hits h WHERE h.probe = p.id), 0) AS executions,
       coalesce((SELECT sum(h.hits) FROM probe_hits h WHERE h.probe = p.id), 0) AS hits,
       (SELECT min(h.first_execution) FROM probe_hits h WHERE h.probe = p.id) AS first_execution
FROM probes p WHERE p.oracle IS NULL;

-- What was left out of the rules, how often, and in how many executions.
CREATE VIEW waivers AS
SELECT o.name AS oracle, p.name AS name, p.sentence AS sentence, sum(h.executions) AS executions,
       sum(h.hits) AS hits, min(h.first_execution) AS first_execution
FROM probes p
JOIN oracles o ON o.id = p.oracle
JOIN probe_hits h ON h.probe = p.id
GROUP BY p.id;

CREATE VIEW probes_never_reached AS
SELECT name, sentence FROM probe_totals WHERE hits = 0;

-- Point by efficacy.
CREATE VIEW efficacy_by_point AS
SELECT p.name AS point, i.outcome AS outcome, f.efficacy AS efficacy, count(*) AS injections
FROM efficacies f
JOIN injections i ON i.execution = f.execution AND i.number = f.number
JOIN fault_points p ON p.id = i.point
GROUP BY p.name, i.outcome, f.efficacy;

-- Scenarios of whose own faults most changed nothing at all: they test little. Those of a sweep are
-- not theirs.
CREATE VIEW scenarios_vacuous AS
SELECT s.file AS file, s.name AS scenario, count(*) AS judged,
       sum(f.efficacy = 'masked') AS masked
FROM efficacies f
JOIN executions e ON e.id = f.execution
JOIN scenarios s ON s.id = e.scenario
WHERE e.branch = 0
GROUP BY s.file, s.name
HAVING count(*) >= 3 AND sum(f.efficacy = 'masked') * 2 > count(*);
