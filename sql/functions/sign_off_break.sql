-- With the owner's rights, for the desk, and nothing else of the kind. A sign-off is of the break's present amount, so that it holds for that
-- break, and touches no other.
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
    UPDATE reconciliation_breaks AS b
    SET status = 'SIGNED_OFF', signed_off_break_id = b.break_id, signed_off_by = btrim(signer), signed_off_at = now(),
        signed_off_variance = coalesce(b.variance, b.factor), signed_off_reason = btrim(why)
    WHERE b.break_id = of_break;
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
