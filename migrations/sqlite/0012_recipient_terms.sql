-- What a recipient may ask the gate for (actions, separated by spaces), how much of it, and the key under which it signs for its tokens.
ALTER TABLE client ADD COLUMN scopes TEXT NOT NULL DEFAULT 'collect score explain disclose';
ALTER TABLE client ADD COLUMN calls_per_minute INTEGER NOT NULL DEFAULT 60000;
ALTER TABLE client ADD COLUMN people_per_day INTEGER NOT NULL DEFAULT 1000000;
ALTER TABLE client ADD COLUMN public_key BLOB;

-- What was signed for a token counts once.
CREATE TABLE client_assertion (
    digest BLOB NOT NULL PRIMARY KEY,
    expires_us INTEGER NOT NULL
) STRICT;
CREATE INDEX client_assertion_expires ON client_assertion (expires_us);
