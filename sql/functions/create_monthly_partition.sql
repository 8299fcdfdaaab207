-- With the owner's rights, for the writer, and nothing else of the kind. Names are looked up in its own schema first, so that nobody's
-- temporary table takes the place of one of ours.
CREATE OR REPLACE FUNCTION create_monthly_partition(table_name regclass, day date) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    parent text;
    schema_name text;
    month_start date := date_trunc('month', day)::date;
    month_end date := (date_trunc('month', day) + interval '1 month')::date;
    partition_name text;
    qualified_name text;
BEGIN
    SELECT c.relname, n.nspname INTO parent, schema_name
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = table_name;
    IF parent NOT IN ('performance_data', 'portfolio_performance', 'reconciliation_results') OR schema_name <> 'public' OR day IS NULL THEN
        RAISE EXCEPTION USING MESSAGE = 'monthly partitions belong to performance_data, portfolio_performance and reconciliation_results, '
            || 'not to ' || parent || ', and need a day';
    END IF;
    partition_name := parent || '_' || to_char(month_start, 'YYYY_MM');
    qualified_name := quote_ident(schema_name) || '.' || quote_ident(partition_name);
    PERFORM FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = table_name AND c.relname = partition_name;
    IF FOUND THEN
        RETURN partition_name;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('create_monthly_partition ' || parent, 0));
    -- A query, and not to_regclass, whose cache may not know yet what the former holder of the lock has made.
    PERFORM FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = table_name AND c.relname = partition_name;
    IF FOUND THEN
        RETURN partition_name;
    END IF;
    EXECUTE 'CREATE TABLE ' || qualified_name || ' (LIKE ' || table_name
        || ' INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)';
    EXECUTE 'ALTER TABLE ' || table_name || ' ATTACH PARTITION ' || qualified_name
        || ' FOR VALUES FROM (' || quote_literal(month_start) || ') TO (' || quote_literal(month_end) || ')';
    RETURN partition_name;
END
$$;

COMMENT ON FUNCTION create_monthly_partition IS 'makes the partition of the day''s month if it is missing; returns its name';

REVOKE ALL ON FUNCTION create_monthly_partition FROM PUBLIC;

GRANT EXECUTE ON FUNCTION create_monthly_partition TO advisory_perf_writer;
