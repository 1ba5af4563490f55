-- A version of a notice in its other languages: published together with it, as one version. Decisions name the digest of the text that was
-- shown, and with it the language.
CREATE TABLE notice_translation (
    purpose TEXT NOT NULL,
    version BIGINT NOT NULL,
    locale TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (purpose, version, locale)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON notice_translation TO sayso_service;
