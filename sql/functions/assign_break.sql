-- With the owner's rights, for the desk. Who has a break, from now on; the latest assignment counts, and whoever has it already is not given it
-- again. What is wrong is said by AP001 where nobody is named, AP002 where there is no such break.
CREATE OR REPLACE FUNCTION assign_break(of_break text, new_owner text, assigner text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    wanted text := nullif(btrim(new_owner), '');
    had text;
BEGIN
    IF coalesce(btrim(assigner), '') = '' THEN
        RAISE EXCEPTION USING ERRCODE = 'AP001',
            MESSAGE = 'the assignment of ' || coalesce(of_break, '') || ' names nobody; say who assigns it', DETAIL = '{}';
    END IF;
    SELECT assigned.owner INTO had
    FROM reconciliation_breaks AS b
    LEFT JOIN LATERAL (
        SELECT e.owner FROM break_events AS e WHERE e.break_id = b.break_id AND e.event = 'ASSIGNED' ORDER BY e.id DESC LIMIT 1
    ) AS assigned ON true
    WHERE b.break_id = of_break;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'AP002',
            MESSAGE = 'there is no break ' || coalesce(of_break, '') || '; `advisory-perf breaks list` names them',
            DETAIL = jsonb_build_object('break_id', of_break);
    END IF;
    IF had IS NOT DISTINCT FROM wanted THEN
        RETURN;
    END IF;
    INSERT INTO break_events (break_id, data_source, account_id, field_name, event, made_by, owner)
    SELECT b.break_id, b.data_source, b.account_id, b.field_name, 'ASSIGNED', btrim(assigner), wanted
    FROM reconciliation_breaks AS b WHERE b.break_id = of_break;
    PERFORM add_to_audit_log(
        assigner, 'ASSIGNED', of_break, jsonb_build_object('owner', had), jsonb_build_object('owner', wanted)
    );
END
$$;

COMMENT ON FUNCTION assign_break IS 'gives a break to somebody, or to nobody where the owner is blank';

REVOKE ALL ON FUNCTION assign_break(text, text, text) FROM PUBLIC;

REVOKE ALL ON FUNCTION assign_break(text, text, text) FROM advisory_perf_writer;

GRANT EXECUTE ON FUNCTION assign_break(text, text, text) TO advisory_perf_desk;
