-- depends: 0014_roles
-- What the writer and the desk may have done for them with the owner's rights, and nothing else of the kind: months, the totals, sign-offs.
-- Each looks names up in its own schema first, so that nobody's temporary table takes the place of one of ours.

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
    IF parent NOT IN ('performance_data', 'reconciliation_results') OR schema_name <> 'public' OR day IS NULL THEN
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

CREATE OR REPLACE FUNCTION refresh_daily_vendor_totals() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    REFRESH MATERIALIZED VIEW CONCURRENTLY public.daily_vendor_totals;
END
$$;

COMMENT ON FUNCTION refresh_daily_vendor_totals IS 'brings daily_vendor_totals up to date; readers see the old totals until the transaction ends';

CREATE OR REPLACE FUNCTION sign_off_break(of_break text, signer text, why text) RETURNS TABLE (
    break_id text,
    data_source text,
    account_id text,
    field_name text,
    status text,
    last_as_of_date date,
    variance numeric,
    vendor_value numeric,
    factor numeric,
    signed_off_by text
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    found reconciliation_breaks;
BEGIN
    IF coalesce(btrim(signer), '') = '' OR coalesce(btrim(why), '') = '' THEN
        RAISE EXCEPTION USING MESSAGE = 'the sign-off of ' || of_break || ' names nobody or no reason; say who accepts it and why';
    END IF;
    SELECT * INTO found FROM reconciliation_breaks AS b WHERE b.break_id = of_break;
    IF found.break_id IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('publish ' || found.data_source, 0));
        SELECT * INTO found FROM reconciliation_breaks AS b WHERE b.break_id = of_break;
    END IF;
    IF found.break_id IS NULL THEN
        RAISE EXCEPTION USING MESSAGE = 'there is no break ' || coalesce(of_break, '') || '; `advisory-perf breaks list` names them';
    ELSIF found.status = 'SIGNED_OFF' THEN
        RAISE EXCEPTION USING MESSAGE = of_break || ' is signed off by ' || found.signed_off_by || ' at this amount; nothing was changed';
    ELSIF found.status <> 'OPEN' THEN
        RAISE EXCEPTION USING MESSAGE = of_break || ' is ' || found.status || '; only an open break can be signed off';
    END IF;
    INSERT INTO break_sign_offs (
        break_id, data_source, account_id, field_name, as_of_date, variance, vendor_value, factor, signed_off_by, reason
    ) VALUES (
        found.break_id, found.data_source, found.account_id, found.field_name, found.last_as_of_date, found.variance, found.vendor_value,
        found.factor, btrim(signer), btrim(why)
    );
    -- After all days: no result has changed, so that every open break goes on as it is stored.
    PERFORM bring_breaks_up_to_date(found.data_source, 'infinity', 'infinity');
    RETURN QUERY
    SELECT b.break_id, b.data_source, b.account_id, b.field_name, b.status, b.last_as_of_date, b.variance, b.vendor_value, b.factor,
        b.signed_off_by
    FROM reconciliation_breaks AS b
    WHERE b.break_id = of_break;
END
$$;

COMMENT ON FUNCTION sign_off_break IS 'accepts an open break at its present amount and gives it as it is then';

REVOKE ALL ON FUNCTION create_monthly_partition(regclass, date), refresh_daily_vendor_totals(), sign_off_break(text, text, text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION create_monthly_partition(regclass, date), refresh_daily_vendor_totals() TO advisory_perf_writer;

REVOKE ALL ON FUNCTION sign_off_break(text, text, text) FROM advisory_perf_writer;

GRANT EXECUTE ON FUNCTION sign_off_break(text, text, text) TO advisory_perf_desk;
