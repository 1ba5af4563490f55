-- The same tables as sqlite/0001_foundation.sql; a test compares the two. Times are microseconds since 1970.
-- What is derived from a grant hangs on its lineage by a foreign key: it cannot be stored under a lineage that ended,
-- and it goes with it. A row about a person has that person first in its key.

CREATE TABLE log_head (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 0),
    seq BIGINT NOT NULL,
    frontier BYTEA NOT NULL,
    checkpoint TEXT NOT NULL,
    recorded_us BIGINT NOT NULL
);

CREATE TABLE tree_node (
    level BIGINT NOT NULL,
    place BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (level, place)
);

CREATE TABLE standing (
    subject BYTEA NOT NULL PRIMARY KEY,
    epoch BIGINT NOT NULL,
    erased BIGINT NOT NULL,
    held BIGINT NOT NULL,
    suppressed BIGINT NOT NULL,
    latched BIGINT NOT NULL,
    adult TEXT NOT NULL,
    assurance TEXT NOT NULL,
    regime TEXT NOT NULL,
    erase_due_us BIGINT
);
CREATE INDEX standing_erase_due ON standing (erase_due_us);

CREATE TABLE subject_key (
    subject BYTEA NOT NULL PRIMARY KEY REFERENCES standing (subject),
    ring_epoch BIGINT NOT NULL,
    wrapped BYTEA NOT NULL
);

CREATE TABLE event (
    seq BIGINT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    day BIGINT NOT NULL,
    commitment BYTEA NOT NULL,
    subject BYTEA REFERENCES standing (subject),
    body BYTEA
);
CREATE INDEX event_subject ON event (subject, seq);
CREATE INDEX event_kind ON event (kind, seq);

CREATE TABLE live_grant (
    subject BYTEA NOT NULL REFERENCES standing (subject),
    purpose TEXT NOT NULL,
    source TEXT NOT NULL,
    recipient TEXT NOT NULL,
    lineage BIGINT NOT NULL,
    notice_version BIGINT NOT NULL,
    valid_until_us BIGINT NOT NULL,
    PRIMARY KEY (subject, purpose, source, recipient),
    UNIQUE (subject, lineage)
);
CREATE INDEX live_grant_valid_until ON live_grant (valid_until_us);

CREATE TABLE pairwise (
    subject BYTEA NOT NULL REFERENCES standing (subject),
    recipient TEXT NOT NULL,
    pairwise BYTEA NOT NULL UNIQUE,
    PRIMARY KEY (subject, recipient)
);

CREATE TABLE identifier (
    subject BYTEA NOT NULL REFERENCES standing (subject),
    id BYTEA NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    blind BYTEA NOT NULL UNIQUE,
    sealed BYTEA NOT NULL,
    proof TEXT NOT NULL,
    PRIMARY KEY (subject, id)
);

CREATE TABLE claim (
    subject BYTEA NOT NULL REFERENCES standing (subject),
    id BYTEA NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    code BYTEA NOT NULL,
    expires_us BIGINT NOT NULL,
    PRIMARY KEY (subject, id)
);

CREATE TABLE credential (
    subject BYTEA NOT NULL PRIMARY KEY REFERENCES standing (subject),
    password_hash TEXT NOT NULL
);

CREATE TABLE session (
    subject BYTEA NOT NULL REFERENCES standing (subject),
    id BYTEA NOT NULL UNIQUE,
    refresh_hash BYTEA NOT NULL,
    expires_us BIGINT NOT NULL,
    PRIMARY KEY (subject, id)
);

CREATE TABLE topic_choice (
    subject BYTEA NOT NULL REFERENCES standing (subject),
    topic TEXT NOT NULL,
    accepted BIGINT NOT NULL,
    PRIMARY KEY (subject, topic)
);

CREATE TABLE decision_count (
    subject BYTEA NOT NULL REFERENCES standing (subject),
    day BIGINT NOT NULL,
    caller TEXT NOT NULL,
    purpose TEXT NOT NULL,
    source TEXT NOT NULL,
    action TEXT NOT NULL,
    allowed BIGINT NOT NULL,
    times BIGINT NOT NULL,
    PRIMARY KEY (subject, day, caller, purpose, source, action, allowed)
);

CREATE TABLE unknown_count (
    caller TEXT NOT NULL,
    day BIGINT NOT NULL,
    times BIGINT NOT NULL,
    PRIMARY KEY (caller, day)
);

CREATE TABLE object (
    owner BYTEA NOT NULL,
    digest BYTEA NOT NULL UNIQUE,
    source TEXT NOT NULL,
    topic TEXT NOT NULL,
    week BIGINT NOT NULL,
    is_public BIGINT NOT NULL,
    lineage BIGINT NOT NULL,
    PRIMARY KEY (owner, digest),
    FOREIGN KEY (owner, lineage) REFERENCES live_grant (subject, lineage) ON DELETE CASCADE
);
CREATE INDEX object_lineage ON object (owner, lineage);

CREATE TABLE edge (
    actor BYTEA NOT NULL,
    target BYTEA NOT NULL,
    source TEXT NOT NULL,
    topic TEXT NOT NULL,
    week BIGINT NOT NULL,
    kind TEXT NOT NULL,
    times BIGINT NOT NULL CHECK (times > 0),
    actor_lineage BIGINT NOT NULL,
    target_lineage BIGINT NOT NULL,
    PRIMARY KEY (actor, target, source, topic, week, kind),
    FOREIGN KEY (actor, actor_lineage) REFERENCES live_grant (subject, lineage) ON DELETE CASCADE,
    FOREIGN KEY (target, target_lineage) REFERENCES live_grant (subject, lineage) ON DELETE CASCADE
);
CREATE INDEX edge_target ON edge (target, week);
CREATE INDEX edge_actor_lineage ON edge (actor, actor_lineage);
CREATE INDEX edge_target_lineage ON edge (target, target_lineage);

CREATE TABLE edge_activity (
    actor BYTEA NOT NULL,
    activity BYTEA NOT NULL,
    made BYTEA,
    object BYTEA,
    target BYTEA NOT NULL,
    about BYTEA,
    source TEXT NOT NULL,
    topic TEXT NOT NULL,
    week BIGINT NOT NULL,
    kind TEXT NOT NULL,
    actor_lineage BIGINT NOT NULL,
    target_lineage BIGINT NOT NULL,
    PRIMARY KEY (actor, activity),
    FOREIGN KEY (actor, actor_lineage) REFERENCES live_grant (subject, lineage) ON DELETE CASCADE,
    FOREIGN KEY (target, target_lineage) REFERENCES live_grant (subject, lineage) ON DELETE CASCADE
);
CREATE INDEX edge_activity_about ON edge_activity (target, about);
CREATE INDEX edge_activity_actor_lineage ON edge_activity (actor, actor_lineage);
CREATE INDEX edge_activity_target_lineage ON edge_activity (target, target_lineage);

CREATE TABLE code (
    blind BYTEA NOT NULL,
    what TEXT NOT NULL,
    reference BYTEA NOT NULL UNIQUE,
    code_hash BYTEA NOT NULL,
    digest BYTEA,
    adult TEXT NOT NULL,
    tries BIGINT NOT NULL,
    sent BIGINT NOT NULL,
    hour_from_us BIGINT NOT NULL,
    expires_us BIGINT NOT NULL,
    PRIMARY KEY (blind, what)
);
CREATE INDEX code_expires ON code (expires_us);

CREATE TABLE mail (
    id BYTEA NOT NULL PRIMARY KEY,
    blind BYTEA NOT NULL,
    sealed BYTEA NOT NULL
);
CREATE INDEX mail_blind ON mail (blind);

CREATE TABLE suppression (
    digest BYTEA NOT NULL PRIMARY KEY,
    reason TEXT NOT NULL,
    month BIGINT NOT NULL
);

CREATE TABLE erasure_job (
    reference BYTEA NOT NULL PRIMARY KEY,
    subject BYTEA UNIQUE,
    digest BYTEA,
    step TEXT NOT NULL,
    started_us BIGINT NOT NULL,
    finished_us BIGINT,
    removed TEXT NOT NULL
);
CREATE INDEX erasure_job_digest ON erasure_job (digest);

CREATE TABLE idempotency (
    key BYTEA NOT NULL PRIMARY KEY,
    subject BYTEA,
    request_hash BYTEA NOT NULL,
    sealed BYTEA NOT NULL,
    expires_us BIGINT NOT NULL
);
CREATE INDEX idempotency_subject ON idempotency (subject);
CREATE INDEX idempotency_expires ON idempotency (expires_us);

CREATE TABLE notice (
    purpose TEXT NOT NULL,
    version BIGINT NOT NULL,
    locale TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    material BIGINT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (purpose, version)
);

CREATE TABLE client (
    id TEXT NOT NULL PRIMARY KEY,
    role TEXT NOT NULL,
    secret_hash BYTEA NOT NULL,
    class TEXT NOT NULL,
    purposes TEXT NOT NULL,
    sources TEXT NOT NULL,
    disabled BIGINT NOT NULL
);
