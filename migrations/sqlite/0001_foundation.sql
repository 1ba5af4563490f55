-- The same tables as postgres/0001_foundation.sql; a test compares the two. Times are microseconds since 1970.
-- What is derived from a grant hangs on its lineage by a foreign key: it cannot be stored under a lineage that ended,
-- and it goes with it. A row about a person has that person first in its key.

CREATE TABLE log_head (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 0),
    seq INTEGER NOT NULL,
    frontier BLOB NOT NULL,
    checkpoint TEXT NOT NULL,
    recorded_us INTEGER NOT NULL
) STRICT;

CREATE TABLE tree_node (
    level INTEGER NOT NULL,
    place INTEGER NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (level, place)
) STRICT;

CREATE TABLE standing (
    subject BLOB NOT NULL PRIMARY KEY,
    epoch INTEGER NOT NULL,
    erased INTEGER NOT NULL,
    held INTEGER NOT NULL,
    suppressed INTEGER NOT NULL,
    latched INTEGER NOT NULL,
    adult TEXT NOT NULL,
    assurance TEXT NOT NULL,
    regime TEXT NOT NULL,
    erase_due_us INTEGER
) STRICT;
CREATE INDEX standing_erase_due ON standing (erase_due_us);

CREATE TABLE subject_key (
    subject BLOB NOT NULL PRIMARY KEY REFERENCES standing (subject),
    ring_epoch INTEGER NOT NULL,
    wrapped BLOB NOT NULL
) STRICT;

CREATE TABLE event (
    seq INTEGER NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    day INTEGER NOT NULL,
    commitment BLOB NOT NULL,
    subject BLOB REFERENCES standing (subject),
    body BLOB
) STRICT;
CREATE INDEX event_subject ON event (subject, seq);
CREATE INDEX event_kind ON event (kind, seq);

CREATE TABLE live_grant (
    subject BLOB NOT NULL REFERENCES standing (subject),
    purpose TEXT NOT NULL,
    source TEXT NOT NULL,
    recipient TEXT NOT NULL,
    lineage INTEGER NOT NULL,
    notice_version INTEGER NOT NULL,
    valid_until_us INTEGER NOT NULL,
    PRIMARY KEY (subject, purpose, source, recipient),
    UNIQUE (subject, lineage)
) STRICT;
CREATE INDEX live_grant_valid_until ON live_grant (valid_until_us);

CREATE TABLE pairwise (
    subject BLOB NOT NULL REFERENCES standing (subject),
    recipient TEXT NOT NULL,
    pairwise BLOB NOT NULL UNIQUE,
    PRIMARY KEY (subject, recipient)
) STRICT;

CREATE TABLE identifier (
    subject BLOB NOT NULL REFERENCES standing (subject),
    id BLOB NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    blind BLOB NOT NULL UNIQUE,
    sealed BLOB NOT NULL,
    proof TEXT NOT NULL,
    PRIMARY KEY (subject, id)
) STRICT;

CREATE TABLE claim (
    subject BLOB NOT NULL REFERENCES standing (subject),
    id BLOB NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    sealed BLOB NOT NULL,
    code BLOB NOT NULL,
    expires_us INTEGER NOT NULL,
    PRIMARY KEY (subject, id)
) STRICT;

CREATE TABLE credential (
    subject BLOB NOT NULL PRIMARY KEY REFERENCES standing (subject),
    password_hash TEXT NOT NULL
) STRICT;

CREATE TABLE session (
    subject BLOB NOT NULL REFERENCES standing (subject),
    id BLOB NOT NULL UNIQUE,
    refresh_hash BLOB NOT NULL,
    expires_us INTEGER NOT NULL,
    PRIMARY KEY (subject, id)
) STRICT;

CREATE TABLE topic_choice (
    subject BLOB NOT NULL REFERENCES standing (subject),
    topic TEXT NOT NULL,
    accepted INTEGER NOT NULL,
    PRIMARY KEY (subject, topic)
) STRICT;

CREATE TABLE decision_count (
    subject BLOB NOT NULL REFERENCES standing (subject),
    day INTEGER NOT NULL,
    caller TEXT NOT NULL,
    purpose TEXT NOT NULL,
    source TEXT NOT NULL,
    action TEXT NOT NULL,
    allowed INTEGER NOT NULL,
    times INTEGER NOT NULL,
    PRIMARY KEY (subject, day, caller, purpose, source, action, allowed)
) STRICT;

CREATE TABLE unknown_count (
    caller TEXT NOT NULL,
    day INTEGER NOT NULL,
    times INTEGER NOT NULL,
    PRIMARY KEY (caller, day)
) STRICT;

CREATE TABLE object (
    owner BLOB NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    source TEXT NOT NULL,
    topic TEXT NOT NULL,
    week INTEGER NOT NULL,
    is_public INTEGER NOT NULL,
    lineage INTEGER NOT NULL,
    PRIMARY KEY (owner, digest),
    FOREIGN KEY (owner, lineage) REFERENCES live_grant (subject, lineage) ON DELETE CASCADE
) STRICT;
CREATE INDEX object_lineage ON object (owner, lineage);

CREATE TABLE edge (
    actor BLOB NOT NULL,
    target BLOB NOT NULL,
    source TEXT NOT NULL,
    topic TEXT NOT NULL,
    week INTEGER NOT NULL,
    kind TEXT NOT NULL,
    times INTEGER NOT NULL CHECK (times > 0),
    actor_lineage INTEGER NOT NULL,
    target_lineage INTEGER NOT NULL,
    PRIMARY KEY (actor, target, source, topic, week, kind),
    FOREIGN KEY (actor, actor_lineage) REFERENCES live_grant (subject, lineage) ON DELETE CASCADE,
    FOREIGN KEY (target, target_lineage) REFERENCES live_grant (subject, lineage) ON DELETE CASCADE
) STRICT;
CREATE INDEX edge_target ON edge (target, week);
CREATE INDEX edge_actor_lineage ON edge (actor, actor_lineage);
CREATE INDEX edge_target_lineage ON edge (target, target_lineage);

CREATE TABLE edge_activity (
    actor BLOB NOT NULL,
    activity BLOB NOT NULL,
    made BLOB,
    object BLOB,
    target BLOB NOT NULL,
    about BLOB,
    source TEXT NOT NULL,
    topic TEXT NOT NULL,
    week INTEGER NOT NULL,
    kind TEXT NOT NULL,
    actor_lineage INTEGER NOT NULL,
    target_lineage INTEGER NOT NULL,
    PRIMARY KEY (actor, activity),
    FOREIGN KEY (actor, actor_lineage) REFERENCES live_grant (subject, lineage) ON DELETE CASCADE,
    FOREIGN KEY (target, target_lineage) REFERENCES live_grant (subject, lineage) ON DELETE CASCADE
) STRICT;
CREATE INDEX edge_activity_about ON edge_activity (target, about);
CREATE INDEX edge_activity_actor_lineage ON edge_activity (actor, actor_lineage);
CREATE INDEX edge_activity_target_lineage ON edge_activity (target, target_lineage);

CREATE TABLE code (
    blind BLOB NOT NULL,
    what TEXT NOT NULL,
    reference BLOB NOT NULL UNIQUE,
    code_hash BLOB NOT NULL,
    digest BLOB,
    adult TEXT NOT NULL,
    tries INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    hour_from_us INTEGER NOT NULL,
    expires_us INTEGER NOT NULL,
    PRIMARY KEY (blind, what)
) STRICT;
CREATE INDEX code_expires ON code (expires_us);

CREATE TABLE mail (
    id BLOB NOT NULL PRIMARY KEY,
    blind BLOB NOT NULL,
    sealed BLOB NOT NULL
) STRICT;
CREATE INDEX mail_blind ON mail (blind);

CREATE TABLE suppression (
    digest BLOB NOT NULL PRIMARY KEY,
    reason TEXT NOT NULL,
    month INTEGER NOT NULL
) STRICT;

CREATE TABLE erasure_job (
    reference BLOB NOT NULL PRIMARY KEY,
    subject BLOB UNIQUE,
    digest BLOB,
    step TEXT NOT NULL,
    started_us INTEGER NOT NULL,
    finished_us INTEGER,
    removed TEXT NOT NULL
) STRICT;
CREATE INDEX erasure_job_digest ON erasure_job (digest);

CREATE TABLE idempotency (
    key BLOB NOT NULL PRIMARY KEY,
    subject BLOB,
    request_hash BLOB NOT NULL,
    sealed BLOB NOT NULL,
    expires_us INTEGER NOT NULL
) STRICT;
CREATE INDEX idempotency_subject ON idempotency (subject);
CREATE INDEX idempotency_expires ON idempotency (expires_us);

CREATE TABLE notice (
    purpose TEXT NOT NULL,
    version INTEGER NOT NULL,
    locale TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    material INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (purpose, version)
) STRICT;

CREATE TABLE client (
    id TEXT NOT NULL PRIMARY KEY,
    role TEXT NOT NULL,
    secret_hash BLOB NOT NULL,
    class TEXT NOT NULL,
    purposes TEXT NOT NULL,
    sources TEXT NOT NULL,
    disabled INTEGER NOT NULL
) STRICT;
