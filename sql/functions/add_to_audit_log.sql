-- For functions with the owner's rights; nobody else may execute it. From where it is done, the transaction says beforehand, by its setting
-- advisory_perf.origin: JSON with origin, role, address and request_id.
CREATE OR REPLACE FUNCTION add_to_audit_log(who text, did text, to_what text, was jsonb, is_now jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    said jsonb := coalesce(nullif(current_setting('advisory_perf.origin', true), ''), '{}');
BEGIN
    INSERT INTO audit_log (principal, role, action, subject, origin, address, request_id, before, after)
    VALUES (
        btrim(who), said ->> 'role', did, to_what, coalesce(said ->> 'origin', 'sql'), said ->> 'address', said ->> 'request_id', was, is_now
    );
END
$$;

COMMENT ON FUNCTION add_to_audit_log IS 'adds to the audit log what the transaction does';

REVOKE ALL ON FUNCTION add_to_audit_log(text, text, text, jsonb, jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION add_to_audit_log(text, text, text, jsonb, jsonb) FROM advisory_perf_writer;
