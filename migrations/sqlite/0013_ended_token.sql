-- Log-ins of operators and auditors that they ended: a copy of such a token is worth nothing, on any server of this database. The row
-- stays for as long as the token would have counted.
CREATE TABLE ended_token (
    id BLOB NOT NULL PRIMARY KEY,
    expires_us INTEGER NOT NULL
) STRICT;
CREATE INDEX ended_token_expires ON ended_token (expires_us);
