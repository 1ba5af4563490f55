-- Everyone who was given something is told when it no longer holds. What is told is the recipient's own name for the person and
-- nothing else; that name goes from the row once nothing more is to be sent.
ALTER TABLE client ADD COLUMN webhook TEXT;
ALTER TABLE client ADD COLUMN webhook_gone BIGINT NOT NULL DEFAULT 0;

CREATE TABLE delivery (
    id BYTEA NOT NULL PRIMARY KEY,
    recipient TEXT NOT NULL,
    pairwise BYTEA,
    subject BYTEA REFERENCES standing (subject),
    job BYTEA,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    made_us BIGINT NOT NULL,
    next_us BIGINT,
    tries BIGINT NOT NULL,
    status BIGINT
);
CREATE INDEX delivery_due ON delivery (next_us, recipient);
CREATE INDEX delivery_subject ON delivery (subject, made_us);
CREATE INDEX delivery_job ON delivery (job);
CREATE INDEX delivery_made ON delivery (made_us);
GRANT SELECT, INSERT, UPDATE, DELETE ON delivery TO sayso_service;
