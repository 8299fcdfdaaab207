-- With the owner's rights, for the desk. All of them, or none where one cannot be signed off; in the order of their vendors, whose locks are
-- taken one by one, so that of two who sign off none waits for the other in a ring.
CREATE OR REPLACE FUNCTION sign_off_breaks(of_breaks text[], signer text, why text) RETURNS TABLE (
    break_id text,
    data_source text,
    account_id text,
    field_name text,
    status text,
    last_as_of_date date,
    variance numeric,
    vendor_value numeric,
    factor numeric,
    signed_off_by text,
    is_new boolean
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    one text;
BEGIN
    FOR one IN
        SELECT wanted.name FROM unnest(of_breaks) AS wanted (name)
        LEFT JOIN reconciliation_breaks AS b ON b.break_id = wanted.name
        GROUP BY wanted.name, b.data_source ORDER BY b.data_source, wanted.name
    LOOP
        RETURN QUERY SELECT * FROM sign_off_break(one, signer, why);
    END LOOP;
END
$$;

COMMENT ON FUNCTION sign_off_breaks IS 'accepts open breaks at their present amounts, all or none, and gives them as they are then';

REVOKE ALL ON FUNCTION sign_off_breaks(text[], text, text) FROM PUBLIC;

REVOKE ALL ON FUNCTION sign_off_breaks(text[], text, text) FROM advisory_perf_writer;

GRANT EXECUTE ON FUNCTION sign_off_breaks(text[], text, text) TO advisory_perf_desk;
