-- With the owner's rights, for the desk, and nothing else of the kind. A sign-off is of the break's present amount, so that it holds for that
-- break, and touches no other. Where it is expected, the amount (of a whole delivery its factor) has to be what the signer has seen.
-- The same again by the same person changes nothing. What is wrong is said by AP001 where somebody or something is not named, AP002 where there
-- is no such break, AP003 where it is signed off already, AP004 where it is over, AP005 where the amount is another.
CREATE OR REPLACE FUNCTION sign_off_break(
    of_break text, signer text, why text, is_expected boolean DEFAULT false, expected numeric DEFAULT NULL
) RETURNS TABLE (
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
#variable_conflict use_column
DECLARE
    found reconciliation_breaks;
    amount numeric;
    is_repeated boolean;
BEGIN
    IF coalesce(btrim(signer), '') = '' OR coalesce(btrim(why), '') = '' THEN
        RAISE EXCEPTION USING ERRCODE = 'AP001',
            MESSAGE = 'the sign-off of ' || coalesce(of_break, '') || ' names nobody or no reason; say who accepts it and why', DETAIL = '{}';
    END IF;
    SELECT * INTO found FROM reconciliation_breaks AS b WHERE b.break_id = of_break;
    IF found.break_id IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('publish ' || found.data_source, 0));
        SELECT * INTO found FROM reconciliation_breaks AS b WHERE b.break_id = of_break;
    END IF;
    amount := coalesce(found.variance, found.factor);
    is_repeated := coalesce(
        found.status = 'SIGNED_OFF' AND found.signed_off_break_id = of_break AND found.signed_off_by = btrim(signer)
        AND found.signed_off_reason = btrim(why), false
    );
    IF found.break_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'AP002',
            MESSAGE = 'there is no break ' || coalesce(of_break, '') || '; `advisory-perf breaks list` names them',
            DETAIL = jsonb_build_object('break_id', of_break);
    ELSIF found.status = 'SIGNED_OFF' AND NOT is_repeated THEN
        RAISE EXCEPTION USING ERRCODE = 'AP003',
            MESSAGE = of_break || ' is signed off by ' || found.signed_off_by || ' at this amount; nothing was changed',
            DETAIL = jsonb_build_object(
                'signed_off_by', found.signed_off_by, 'signed_off_at', found.signed_off_at, 'signed_off_reason', found.signed_off_reason,
                'present_variance', exact_text(amount)
            );
    ELSIF found.status NOT IN ('OPEN', 'SIGNED_OFF') THEN
        RAISE EXCEPTION USING ERRCODE = 'AP004', MESSAGE = of_break || ' is ' || found.status || '; only an open break can be signed off',
            DETAIL = jsonb_build_object('break_status', found.status, 'resolved_on', found.resolved_on);
    ELSIF is_expected AND expected IS DISTINCT FROM (CASE WHEN is_repeated THEN found.signed_off_variance ELSE amount END) THEN
        RAISE EXCEPTION USING ERRCODE = 'AP005',
            MESSAGE = of_break || ' is no longer at ' || coalesce(exact_text(expected), 'no amount') || ' but at '
                || coalesce(exact_text(amount), 'no amount') || '; look at it again, and sign off what it is now',
            DETAIL = jsonb_build_object('present_variance', exact_text(amount), 'expected_variance', exact_text(expected));
    END IF;
    IF NOT is_repeated THEN
        INSERT INTO break_sign_offs (
            break_id, data_source, account_id, field_name, as_of_date, variance, vendor_value, factor, signed_off_by, reason
        ) VALUES (
            found.break_id, found.data_source, found.account_id, found.field_name, found.last_as_of_date, found.variance, found.vendor_value,
            found.factor, btrim(signer), btrim(why)
        );
        UPDATE reconciliation_breaks AS b
        SET status = 'SIGNED_OFF', signed_off_break_id = b.break_id, signed_off_by = btrim(signer), signed_off_at = now(),
            signed_off_variance = amount, signed_off_reason = btrim(why)
        WHERE b.break_id = of_break;
        PERFORM add_to_audit_log(
            signer, 'SIGNED_OFF', of_break, jsonb_build_object('status', found.status, 'signed_off_by', found.signed_off_by),
            jsonb_build_object('status', 'SIGNED_OFF', 'variance', exact_text(amount), 'reason', btrim(why))
        );
    END IF;
    RETURN QUERY
    SELECT b.break_id, b.data_source, b.account_id, b.field_name, b.status, b.last_as_of_date, b.variance, b.vendor_value, b.factor,
        b.signed_off_by, NOT is_repeated
    FROM reconciliation_breaks AS b
    WHERE b.break_id = of_break;
END
$$;

COMMENT ON FUNCTION sign_off_break IS 'accepts an open break at its present amount and gives it as it is then';

REVOKE ALL ON FUNCTION sign_off_break(text, text, text, boolean, numeric) FROM PUBLIC;

REVOKE ALL ON FUNCTION sign_off_break(text, text, text, boolean, numeric) FROM advisory_perf_writer;

GRANT EXECUTE ON FUNCTION sign_off_break(text, text, text, boolean, numeric) TO advisory_perf_desk;
