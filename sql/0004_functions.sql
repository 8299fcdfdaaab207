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

CREATE OR REPLACE FUNCTION net_flow(contributions numeric, distributions numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN contributions - distributions;

COMMENT ON FUNCTION net_flow IS 'what crossed the account''s boundary: contributions - distributions';

-- Numerator and base are exact; only the last step divides in double precision.
CREATE OR REPLACE FUNCTION single_period_twrr(
    bmv numeric,
    contributions numeric,
    distributions numeric,
    fees numeric,
    emv numeric,
    timing text,
    fee_basis text,
    weight numeric DEFAULT NULL,
    minimum_base numeric DEFAULT NULL
) RETURNS double precision
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    flow numeric := contributions - distributions;
    closing numeric := emv;
    base numeric;
    gain numeric;
    smallest_base numeric := minimum_base;
BEGIN
    IF timing NOT IN ('start_of_day', 'end_of_day', 'mid_day', 'inflow_start_outflow_end', 'weighted') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'unknown flow timing ' || quote_literal(timing)
            || '; say start_of_day, end_of_day, mid_day, inflow_start_outflow_end or weighted';
    END IF;
    IF fee_basis NOT IN ('net', 'gross') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'unknown fee basis ' || quote_literal(fee_basis)
            || '; say net or gross';
    END IF;
    IF bmv IS NULL OR flow IS NULL OR fees IS NULL OR emv IS NULL OR timing IS NULL OR fee_basis IS NULL
        OR (timing = 'weighted' AND weight IS NULL) THEN
        RETURN NULL;
    END IF;
    IF fee_basis = 'gross' THEN
        closing := emv + fees;
    END IF;

    IF timing = 'start_of_day' OR (bmv = 0 AND flow > 0) THEN
        base := bmv + flow;
        gain := closing - base;
    ELSIF timing = 'end_of_day' THEN
        base := bmv;
        gain := closing - flow - base;
    ELSIF timing = 'mid_day' THEN
        base := 2 * bmv + flow;
        gain := 2 * (closing - bmv - flow);
        smallest_base := 2 * minimum_base;
    ELSIF timing = 'inflow_start_outflow_end' THEN
        base := bmv + contributions;
        gain := closing + distributions - base;
    ELSE
        base := bmv + weight * flow;
        gain := closing - bmv - flow;
    END IF;

    IF base <= 0 OR base < smallest_base OR gain < -base THEN
        RETURN NULL;
    END IF;
    RETURN gain::double precision / base::double precision;
END
$$;

COMMENT ON FUNCTION single_period_twrr(numeric, numeric, numeric, numeric, numeric, text, text, numeric, numeric) IS
    'return between two consecutive valuations, 0.01 is 1 percent; null without a positive base or beyond a total loss';
