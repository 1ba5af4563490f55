-- How many events of each kind an erasure unlinked, and the certificate that it is done.
ALTER TABLE erasure_job ADD COLUMN events TEXT NOT NULL DEFAULT '{}';
ALTER TABLE erasure_job ADD COLUMN certificate TEXT;

-- The service works as `sayso_service`, which can neither change nor remove a leaf or a subtree; what opens a leaf goes with
-- its person. Roles belong to the whole server, so another database may have made this one already.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sayso_service') THEN
        CREATE ROLE sayso_service NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
DO $$ BEGIN
    IF NOT pg_has_role(current_user, 'sayso_service', 'USAGE') THEN
        EXECUTE format('GRANT sayso_service TO %I', current_user);
    END IF;
EXCEPTION
    WHEN unique_violation THEN NULL;
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'an administrator of the server must run: GRANT sayso_service TO %', quote_ident(current_user);
END $$;
DO $$ DECLARE own RECORD; BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO sayso_service', current_schema());
    FOR own IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tableowner = current_user LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO sayso_service', own.tablename);
    END LOOP;
END $$;
REVOKE UPDATE, DELETE ON event, tree_node FROM sayso_service;
GRANT UPDATE (subject, body) ON event TO sayso_service;
REVOKE DELETE ON log_head FROM sayso_service;
REVOKE INSERT, UPDATE, DELETE ON _sqlx_migrations FROM sayso_service;
