-- House rules as they were adopted, by the place of the event in the log that says so. The newest are in force. `files` is the text of
-- each rule file by its name, as JSON; `sha256` is over them and the registry of that
-- time, whose digest is `registry_sha256`; it stands in every decision.
CREATE TABLE house_rules (
    seq INTEGER NOT NULL PRIMARY KEY,
    sha256 TEXT NOT NULL,
    registry_sha256 TEXT NOT NULL,
    built_in INTEGER NOT NULL,
    files TEXT NOT NULL
) STRICT;
