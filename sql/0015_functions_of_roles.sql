-- depends: 0014_roles
-- What the writer and the desk may have done for them with the owner's rights, and nothing else of the kind: months, the totals, sign-offs.
-- Each looks names up in its own schema first, so that nobody's temporary table takes the place of one of ours.

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

REVOKE ALL ON FUNCTION sign_off_break(text, text, text) FROM PUBLIC;

REVOKE ALL ON FUNCTION sign_off_break(text, text, text) FROM advisory_perf_writer;

GRANT EXECUTE ON FUNCTION sign_off_break(text, text, text) TO advisory_perf_desk;
