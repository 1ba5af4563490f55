-- Scores that engines of others computed and wrote back, one for each grant. They hang on the lineage of that grant like everything that
-- is derived from it. `epoch` is the place in the log on which the gate had allowed the computing.
CREATE TABLE engine_score (
    subject BYTEA NOT NULL,
    lineage BIGINT NOT NULL,
    value BIGINT NOT NULL,
    version TEXT NOT NULL,
    window_from_day BIGINT NOT NULL,
    window_to_day BIGINT NOT NULL,
    population TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    written_us BIGINT NOT NULL,
    PRIMARY KEY (subject, lineage),
    FOREIGN KEY (subject, lineage) REFERENCES live_grant (subject, lineage) ON DELETE CASCADE
);
GRANT SELECT, INSERT, UPDATE, DELETE ON engine_score TO sayso_service;
