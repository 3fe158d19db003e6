-- From schema number 1 to 2: liveness, probes, and what came of each fault.
--
-- The rules of schema.sql hold here too.

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

-- Situations worth having been in, and how often each scenario came into them.
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

-- What came of a fault, by comparison with the same run without it: masked, schedule, state, client
-- or violation. Only of faults for which that other run was made.
CREATE TABLE efficacies (
    execution INTEGER NOT NULL REFERENCES executions (id),
    number    INTEGER NOT NULL, -- of the injection
    efficacy  TEXT NOT NULL,
    PRIMARY KEY (execution, number)
) WITHOUT ROWID;

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
FROM probes p;

CREATE VIEW probes_never_reached AS
SELECT name, sentence FROM probe_totals WHERE hits = 0;

-- Point by efficacy.
CREATE VIEW efficacy_by_point AS
SELECT p.name AS point, i.outcome AS outcome, f.efficacy AS efficacy, count(*) AS injections
FROM efficacies f
JOIN injections i ON i.execution = f.execution AND i.number = f.number
JOIN fault_points p ON p.id = i.point
GROUP BY p.name, i.outcome, f.efficacy;

-- Scenarios of whose judged faults nine of ten changed nothing at all: they test little.
CREATE VIEW scenarios_vacuous AS
SELECT s.file AS file, s.name AS scenario, count(*) AS judged,
       sum(f.efficacy = 'masked') AS masked
FROM efficacies f
JOIN executions e ON e.id = f.execution
JOIN scenarios s ON s.id = e.scenario
GROUP BY s.file, s.name
HAVING count(*) >= 5 AND sum(f.efficacy = 'masked') * 10 >= count(*) * 9;
