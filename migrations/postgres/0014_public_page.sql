-- Where public pages are: one address for each grant that shows a score to everybody. It goes with its grant; a new grant gets another.
CREATE TABLE public_page (
    subject BYTEA NOT NULL,
    lineage BIGINT NOT NULL,
    page BYTEA NOT NULL UNIQUE,
    PRIMARY KEY (subject, lineage),
    FOREIGN KEY (subject, lineage) REFERENCES live_grant (subject, lineage) ON DELETE CASCADE
);
GRANT SELECT, INSERT, UPDATE, DELETE ON public_page TO sayso_service;
