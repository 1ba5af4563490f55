-- Scores that engines of others computed and wrote back, one for each grant. They hang on the lineage of that grant like everything that
-- is derived from it. `epoch` is the place in the log on which the gate had allowed the computing.
CREATE TABLE engine_score (
    subject BLOB NOT NULL,
    lineage INTEGER NOT NULL,
    value INTEGER NOT NULL,
    version TEXT NOT NULL,
    window_from_day INTEGER NOT NULL,
    window_to_day INTEGER NOT NULL,
    population TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    written_us INTEGER NOT NULL,
    PRIMARY KEY (subject, lineage),
    FOREIGN KEY (subject, lineage) REFERENCES live_grant (subject, lineage) ON DELETE CASCADE
) STRICT;
