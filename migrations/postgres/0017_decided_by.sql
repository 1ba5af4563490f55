-- A decision names the house rules that it stood on. What was counted before names none.
ALTER TABLE decision_count ADD COLUMN policy_sha256 TEXT NOT NULL DEFAULT '';
ALTER TABLE decision_count ALTER COLUMN policy_sha256 DROP DEFAULT;
ALTER TABLE decision_count DROP CONSTRAINT decision_count_pkey;
ALTER TABLE decision_count ADD PRIMARY KEY (subject, day, caller, purpose, source, action, policy_sha256, allowed);
