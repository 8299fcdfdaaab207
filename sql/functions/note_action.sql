-- With the owner's rights, for the writer. What the desk's functions do, they note themselves; nobody can say it here.
CREATE OR REPLACE FUNCTION note_action(who text, did text, to_what text, was jsonb, is_now jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF coalesce(btrim(who), '') = '' OR did IS NULL OR did NOT IN ('REPLAYED', 'TOKEN_MADE', 'TOKEN_REVOKED') THEN
        RAISE EXCEPTION USING ERRCODE = 'AP001', MESSAGE = 'the action ' || coalesce(did, '') || ' of ' || coalesce(who, '') || ' is none that is '
            || 'noted here; say who replays, or makes or revokes a token', DETAIL = '{}';
    END IF;
    PERFORM add_to_audit_log(who, did, to_what, was, is_now);
END
$$;

COMMENT ON FUNCTION note_action IS 'adds a replay, or a token that is made or revoked, to the audit log';

REVOKE ALL ON FUNCTION note_action(text, text, text, jsonb, jsonb) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION note_action(text, text, text, jsonb, jsonb) TO advisory_perf_writer;
