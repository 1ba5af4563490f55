-- The sweep looks for what is old every few seconds: it must not read whole tables for that.
CREATE INDEX claim_expires ON claim (expires_us);
CREATE INDEX session_expires ON session (expires_us);
CREATE INDEX decision_count_day ON decision_count (day);
