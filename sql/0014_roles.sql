-- depends: 0013_flows_and_closed_accounts
-- Who may do what. Four roles, none of them a superuser, shared by all warehouses of a cluster: the owner has the relations and may
-- change the schema, the writer changes rows, the reader sees them, the desk signs breaks off. A login acts as one of them by SET ROLE,
-- or is one of them. Everything is left alone that is as it has to be, so that this runs again as the owner, and in clusters whose
-- administrator has made the roles beforehand.

DO $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT name, statement_limit, lock_limit, idle_limit
        FROM (VALUES
            ('advisory_perf_owner', '6h', '10min', '15min'),
            ('advisory_perf_writer', '1h', '15min', '15min'),
            ('advisory_perf_reader', '1h', '1min', '10min'),
            ('advisory_perf_desk', '5min', '1min', '1min')
        ) AS roles (name, statement_limit, lock_limit, idle_limit)
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.name) THEN
            BEGIN
                EXECUTE 'CREATE ROLE ' || wanted.name || ' NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS';
            EXCEPTION
                WHEN duplicate_object OR unique_violation THEN NULL; -- another warehouse of the cluster was quicker
                WHEN insufficient_privilege THEN
                    RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = 'the role ' || wanted.name || ' is missing and '
                        || session_user || ' may not create it; have an administrator run CREATE ROLE ' || wanted.name
                        || ' and GRANT ' || wanted.name || ' TO ' || quote_ident(session_user);
            END;
        END IF;
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.name AND rolsuper) THEN
            RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = 'the role ' || wanted.name || ' is a superuser; '
                || 'have an administrator run ALTER ROLE ' || wanted.name || ' NOSUPERUSER';
        END IF;
        -- Roles that were made beforehand have the time-outs and the members that their administrator gave them.
        IF (SELECT rolconfig IS NULL FROM pg_roles WHERE rolname = wanted.name) THEN
            BEGIN
                EXECUTE 'ALTER ROLE ' || wanted.name || ' SET statement_timeout = ' || quote_literal(wanted.statement_limit);
                EXECUTE 'ALTER ROLE ' || wanted.name || ' SET lock_timeout = ' || quote_literal(wanted.lock_limit);
                EXECUTE 'ALTER ROLE ' || wanted.name || ' SET idle_in_transaction_session_timeout = ' || quote_literal(wanted.idle_limit);
            EXCEPTION
                WHEN insufficient_privilege THEN NULL;
            END;
        END IF;
        IF NOT pg_has_role(
            session_user, wanted.name, CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER' ELSE 'SET' END
        ) THEN
            BEGIN
                EXECUTE 'GRANT ' || wanted.name || ' TO ' || quote_ident(session_user);
            EXCEPTION
                WHEN insufficient_privilege THEN NULL;
            END;
        END IF;
    END LOOP;
END
$$;

-- What the migrations before this one have made becomes the owner's.
DO $$
DECLARE
    relations CONSTANT text[] := ARRAY[
        'etl_processing_log', 'data_quality_issues', 'accounts', 'performance_data', 'performance_data_history', 'reconciliation_results',
        'delivery_factors', 'break_sign_offs', 'reconciliation_breaks', 'delivered_days', 'alerts', 'performance_summary',
        'data_quality_dashboard', 'daily_vendor_totals', 'quarantine', 'open_alerts',
        '_yoyo_log', '_yoyo_migration', '_yoyo_version', 'yoyo_lock'
    ];
    functions CONSTANT text[] := ARRAY[
        'create_monthly_partition', 'touch_updated_at', 'net_flow', 'single_period_twrr', 'break_id_of', 'free_break_id',
        'bring_breaks_up_to_date'
    ];
    place CONSTANT text := quote_ident(current_database());
    known text;
    kind text;
BEGIN
    EXECUTE 'GRANT CONNECT ON DATABASE ' || place || ' TO advisory_perf_owner, advisory_perf_writer, advisory_perf_reader, advisory_perf_desk';
    EXECUTE 'GRANT TEMPORARY ON DATABASE ' || place || ' TO advisory_perf_owner, advisory_perf_writer';
    EXECUTE 'REVOKE TEMPORARY ON DATABASE ' || place || ' FROM PUBLIC';
    IF NOT has_schema_privilege('advisory_perf_owner', 'public', 'CREATE') THEN
        GRANT USAGE, CREATE ON SCHEMA public TO advisory_perf_owner;
    END IF;
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    GRANT USAGE ON SCHEMA public TO advisory_perf_writer, advisory_perf_reader, advisory_perf_desk;
    FOR known IN
        SELECT c.oid::regclass::text
        FROM pg_class AS c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relowner <> 'advisory_perf_owner'::regrole
            AND (c.relname = ANY (relations) AND c.relkind IN ('r', 'p', 'v', 'm') OR EXISTS (
                SELECT FROM pg_inherits AS i JOIN pg_class AS parent ON parent.oid = i.inhparent
                WHERE i.inhrelid = c.oid AND c.relkind = 'r' AND parent.relname = ANY (relations)
            ))
    LOOP
        EXECUTE 'ALTER TABLE ' || known || ' OWNER TO advisory_perf_owner';
    END LOOP;
    FOR known, kind IN
        SELECT p.oid::regprocedure::text, CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END
        FROM pg_proc AS p
        WHERE p.pronamespace = 'public'::regnamespace AND p.proname = ANY (functions)
    LOOP
        IF EXISTS (SELECT FROM pg_proc WHERE oid = known::regprocedure AND proowner <> 'advisory_perf_owner'::regrole) THEN
            EXECUTE 'ALTER ' || kind || ' ' || known || ' OWNER TO advisory_perf_owner';
        END IF;
        EXECUTE 'REVOKE ALL ON ' || kind || ' ' || known || ' FROM PUBLIC';
        EXECUTE 'GRANT EXECUTE ON ' || kind || ' ' || known || ' TO advisory_perf_writer';
    END LOOP;
EXCEPTION
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = session_user || ' may not give the schema to the role '
            || 'advisory_perf_owner (' || SQLERRM || '); migrate as the owner of the database and of its tables, who has to be a member '
            || 'of advisory_perf_owner';
END
$$;

-- From here on what is done is the owner's, as are the migrations to come.
SET LOCAL ROLE advisory_perf_owner;

GRANT SELECT, INSERT, UPDATE, DELETE ON
    etl_processing_log, data_quality_issues, accounts, performance_data, performance_data_history, reconciliation_results, delivery_factors,
    reconciliation_breaks, delivered_days, alerts
TO advisory_perf_writer;

GRANT SELECT ON
    break_sign_offs, performance_summary, data_quality_dashboard, daily_vendor_totals, quarantine, open_alerts, _yoyo_migration
TO advisory_perf_writer;

GRANT SELECT ON
    etl_processing_log, data_quality_issues, accounts, performance_data, performance_data_history, reconciliation_results, delivery_factors,
    break_sign_offs, reconciliation_breaks, delivered_days, alerts, performance_summary, data_quality_dashboard, daily_vendor_totals,
    quarantine, open_alerts
TO advisory_perf_reader;

DO $$
DECLARE
    known text;
BEGIN
    FOR known IN
        SELECT p.oid::regprocedure::text FROM pg_proc AS p
        WHERE p.pronamespace = 'public'::regnamespace AND p.proname IN ('net_flow', 'single_period_twrr')
    LOOP
        EXECUTE 'GRANT EXECUTE ON FUNCTION ' || known || ' TO advisory_perf_reader';
    END LOOP;
END
$$;

-- Tables to come have rows that the writer writes and the reader sees; their functions are nobody's else.
ALTER DEFAULT PRIVILEGES FOR ROLE advisory_perf_owner IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO advisory_perf_writer;

ALTER DEFAULT PRIVILEGES FOR ROLE advisory_perf_owner IN SCHEMA public GRANT SELECT ON TABLES TO advisory_perf_reader;

ALTER DEFAULT PRIVILEGES FOR ROLE advisory_perf_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

ALTER DEFAULT PRIVILEGES FOR ROLE advisory_perf_owner IN SCHEMA public GRANT EXECUTE ON FUNCTIONS TO advisory_perf_writer;
