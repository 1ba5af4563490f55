-- Of whom an erasure is, and what a score store or a recipient calls them, is sealed from here on (erasure_job.subject,
-- store_erasure.pairwise, delivery.pairwise), and stands in one place only.
DROP INDEX store_erasure_subject;
ALTER TABLE store_erasure DROP COLUMN subject;
