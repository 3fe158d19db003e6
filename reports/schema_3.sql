-- From number 2 to number 3: a branch of a sweep may end early, as masked; places where a sweep
-- strikes that are no fault points (instant.*) have rows like them, which is no change of a table.
ALTER TABLE executions ADD COLUMN masked INTEGER NOT NULL DEFAULT 0;
