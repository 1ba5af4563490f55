-- How many of the reminders were mailed to somebody whose opt-out becomes an erasure unless they lift it.
ALTER TABLE standing ADD COLUMN reminded BIGINT NOT NULL DEFAULT 0;
