-- When an opt-out that nobody lifts becomes an erasure, whoever it is about: a stranger's becomes an erasure of nothing, so
-- that the size of the log does not tell months later who was a member.
ALTER TABLE suppression ADD COLUMN due_us BIGINT;
CREATE INDEX suppression_due ON suppression (due_us);
