-- An erasure also clears the score stores of others. Each that has a name for the person has a row here until it was read back; then
-- the name goes. `found` is what was counted and not yet seen to be gone, `removed` what went; both by table, as JSON.
CREATE TABLE store_erasure (
    job BLOB NOT NULL,
    store TEXT NOT NULL,
    subject BLOB,
    pairwise BLOB,
    found TEXT NOT NULL,
    removed TEXT NOT NULL,
    tries INTEGER NOT NULL,
    next_us INTEGER,
    cleared_us INTEGER,
    PRIMARY KEY (job, store)
) STRICT;
CREATE INDEX store_erasure_due ON store_erasure (next_us, store);
CREATE INDEX store_erasure_subject ON store_erasure (subject);
