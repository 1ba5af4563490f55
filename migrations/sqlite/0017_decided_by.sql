-- A decision names the house rules that it stood on. What was counted before names none.
CREATE TABLE decision_counted (
    subject BLOB NOT NULL REFERENCES standing (subject),
    day INTEGER NOT NULL,
    caller TEXT NOT NULL,
    purpose TEXT NOT NULL,
    source TEXT NOT NULL,
    action TEXT NOT NULL,
    policy_sha256 TEXT NOT NULL,
    allowed INTEGER NOT NULL,
    times INTEGER NOT NULL,
    PRIMARY KEY (subject, day, caller, purpose, source, action, policy_sha256, allowed)
) STRICT;
INSERT INTO decision_counted SELECT subject, day, caller, purpose, source, action, '', allowed, times FROM decision_count;
DROP TABLE decision_count;
ALTER TABLE decision_counted RENAME TO decision_count;
CREATE INDEX decision_count_day ON decision_count (day);
