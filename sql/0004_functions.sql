-- depends: 0003_reconciliation
-- Partitions, timestamps, and the arithmetic of one sub-period for those who ask in SQL.

-- A partition is made apart and then attached: attaching lets readers and writers of the other months go on, where
-- CREATE TABLE ... PARTITION OF would shut them out until the transaction ends.
CREATE OR REPLACE FUNCTION create_monthly_partition(table_name regclass, day date) RETURNS text
LANGUAGE plpgsql AS $$
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
    IF parent NOT IN ('performance_data', 'reconciliation_results') OR day IS NULL THEN
        RAISE EXCEPTION USING MESSAGE = 'monthly partitions belong to performance_data and reconciliation_results, not to '
            || parent || ', and need a day';
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

CREATE OR REPLACE FUNCTION touch_updated_at() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER accounts_updated_at
    BEFORE UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE OR REPLACE TRIGGER performance_data_updated_at
    BEFORE UPDATE ON performance_data FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE OR REPLACE TRIGGER reconciliation_results_updated_at
    BEFORE UPDATE ON reconciliation_results FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
