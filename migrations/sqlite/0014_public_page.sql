-- Where public pages are: one address for each grant that shows a score to everybody. It goes with its grant; a new grant gets another.
CREATE TABLE public_page (
    subject BLOB NOT NULL,
    lineage INTEGER NOT NULL,
    page BLOB NOT NULL UNIQUE,
    PRIMARY KEY (subject, lineage),
    FOREIGN KEY (subject, lineage) REFERENCES live_grant (subject, lineage) ON DELETE CASCADE
) STRICT;
