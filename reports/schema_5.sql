-- From number 4 to number 5: a probe may be a waiver, a check that an oracle has left out. Those of
-- before are situations.
ALTER TABLE probes ADD COLUMN oracle INTEGER REFERENCES oracles (id);
