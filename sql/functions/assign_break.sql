-- With the owner's rights, for the desk. Who has a break, from now on; the latest assignment counts.
CREATE OR REPLACE FUNCTION assign_break(of_break text, new_owner text, assigner text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF coalesce(btrim(assigner), '') = '' THEN
        RAISE EXCEPTION USING MESSAGE = 'the assignment of ' || coalesce(of_break, '') || ' names nobody; say who assigns it';
    END IF;
    INSERT INTO break_events (break_id, data_source, account_id, field_name, event, made_by, owner)
    SELECT b.break_id, b.data_source, b.account_id, b.field_name, 'ASSIGNED', btrim(assigner), nullif(btrim(new_owner), '')
    FROM reconciliation_breaks AS b WHERE b.break_id = of_break;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING MESSAGE = 'there is no break ' || coalesce(of_break, '') || '; `advisory-perf breaks list` names them';
    END IF;
END
$$;

COMMENT ON FUNCTION assign_break IS 'gives a break to somebody, or to nobody where the owner is blank';

REVOKE ALL ON FUNCTION assign_break(text, text, text) FROM PUBLIC;

REVOKE ALL ON FUNCTION assign_break(text, text, text) FROM advisory_perf_writer;

GRANT EXECUTE ON FUNCTION assign_break(text, text, text) TO advisory_perf_desk;
