-- The id of a member's own post, sealed under its owner's key: with it the post is indexed anew when the keys rotate.

ALTER TABLE object ADD COLUMN sealed BLOB;
