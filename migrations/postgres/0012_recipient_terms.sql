-- What a recipient may ask the gate for (actions, separated by spaces), how much of it, and the key under which it signs for its tokens.
ALTER TABLE client ADD COLUMN scopes TEXT NOT NULL DEFAULT 'collect score explain disclose';
ALTER TABLE client ADD COLUMN calls_per_minute BIGINT NOT NULL DEFAULT 60000;
ALTER TABLE client ADD COLUMN people_per_day BIGINT NOT NULL DEFAULT 1000000;
ALTER TABLE client ADD COLUMN public_key BYTEA;

-- What was signed for a token counts once.
CREATE TABLE client_assertion (
    digest BYTEA PRIMARY KEY,
    expires_us BIGINT NOT NULL
);
CREATE INDEX client_assertion_expires ON client_assertion (expires_us);
GRANT SELECT, INSERT, DELETE ON client_assertion TO sayso_service;
