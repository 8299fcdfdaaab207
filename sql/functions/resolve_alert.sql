-- With the owner's rights, for the desk. A person says that an incident is over. What is wrong is said by AP002 where there is no such alert,
-- AP004 where it is over already.
CREATE OR REPLACE FUNCTION resolve_alert(of_alert bigint, resolver text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    found alerts;
BEGIN
    IF coalesce(btrim(resolver), '') = '' THEN
        RAISE EXCEPTION USING ERRCODE = 'AP001', MESSAGE = 'nobody says that alert ' || of_alert || ' is over; say who does', DETAIL = '{}';
    END IF;
    SELECT * INTO found FROM alerts AS a WHERE a.id = of_alert FOR UPDATE;
    IF found.id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'AP002',
            MESSAGE = 'there is no alert ' || of_alert || '; `advisory-perf alerts list` names those that are open',
            DETAIL = jsonb_build_object('alert_id', of_alert);
    ELSIF found.resolved_at IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'AP004', MESSAGE = 'alert ' || of_alert || ' is over already; nothing was changed',
            DETAIL = jsonb_build_object('resolved_at', found.resolved_at, 'resolved_by_person', found.resolved_by_person);
    END IF;
    UPDATE alerts AS a SET resolved_at = now(), resolved_by_person = true WHERE a.id = of_alert;
    PERFORM add_to_audit_log(
        resolver, 'RESOLVED', 'alert ' || of_alert,
        jsonb_build_object('resolved_at', NULL, 'code', found.code, 'vendor', found.vendor, 'subject', found.subject),
        jsonb_build_object('resolved_at', now())
    );
END
$$;

COMMENT ON FUNCTION resolve_alert IS 'ends an open alert, as a person says';

REVOKE ALL ON FUNCTION resolve_alert(bigint, text) FROM PUBLIC;

REVOKE ALL ON FUNCTION resolve_alert(bigint, text) FROM advisory_perf_writer;

GRANT EXECUTE ON FUNCTION resolve_alert(bigint, text) TO advisory_perf_desk;
