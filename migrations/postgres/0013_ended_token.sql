-- Log-ins of operators and auditors that they ended: a copy of such a token is worth nothing, on any server of this database. The row
-- stays for as long as the token would have counted.
CREATE TABLE ended_token (
    id BYTEA PRIMARY KEY,
    expires_us BIGINT NOT NULL
);
CREATE INDEX ended_token_expires ON ended_token (expires_us);
GRANT SELECT, INSERT, DELETE ON ended_token TO sayso_service;
