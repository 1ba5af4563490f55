-- Everyone who was given something is told when it no longer holds. What is told is the recipient's own name for the person and
-- nothing else; that name goes from the row once nothing more is to be sent.
ALTER TABLE client ADD COLUMN webhook TEXT;
ALTER TABLE client ADD COLUMN webhook_gone INTEGER NOT NULL DEFAULT 0;

CREATE TABLE delivery (
    id BLOB NOT NULL PRIMARY KEY,
    recipient TEXT NOT NULL,
    pairwise BLOB,
    subject BLOB REFERENCES standing (subject),
    job BLOB,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    made_us INTEGER NOT NULL,
    next_us INTEGER,
    tries INTEGER NOT NULL,
    status INTEGER
) STRICT;
CREATE INDEX delivery_due ON delivery (next_us, recipient);
CREATE INDEX delivery_subject ON delivery (subject, made_us);
CREATE INDEX delivery_job ON delivery (job);
CREATE INDEX delivery_made ON delivery (made_us);
