-- Leaves and subtrees are never changed or removed; what opens a leaf goes with its person. Whoever has the file can drop
-- these guards, and is found out by whoever kept a checkpoint; the program itself cannot.

CREATE TRIGGER event_leaf_stays BEFORE UPDATE OF seq, kind, day, commitment ON event
BEGIN SELECT RAISE(ABORT, 'a leaf is never changed'); END;
CREATE TRIGGER event_stays BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'a leaf is never removed'); END;
CREATE TRIGGER tree_node_unchanged BEFORE UPDATE ON tree_node
BEGIN SELECT RAISE(ABORT, 'a subtree is never changed'); END;
CREATE TRIGGER tree_node_stays BEFORE DELETE ON tree_node
BEGIN SELECT RAISE(ABORT, 'a subtree is never removed'); END;

-- How many events of each kind an erasure unlinked, and the certificate that it is done.
ALTER TABLE erasure_job ADD COLUMN events TEXT NOT NULL DEFAULT '{}';
ALTER TABLE erasure_job ADD COLUMN certificate TEXT;
