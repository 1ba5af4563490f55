-- Since when a mail waits. Of mails that waited before this was written down it is not known.
ALTER TABLE mail ADD COLUMN queued_us INTEGER;
