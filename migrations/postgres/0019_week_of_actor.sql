-- What somebody gave others counts in the weeks in which they responded to the person whose score it is: found by week, not among all that
-- they ever did.
CREATE INDEX edge_actor_week ON edge (actor, week);
