-- With the owner's rights, for the desk. What is said of a break is added to what was said before, whatever its status. What is wrong is said
-- by AP001 where somebody or something is not named, AP002 where there is no such break.
CREATE OR REPLACE FUNCTION comment_on_break(of_break text, author text, words text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF coalesce(btrim(author), '') = '' OR coalesce(btrim(words), '') = '' THEN
        RAISE EXCEPTION USING ERRCODE = 'AP001',
            MESSAGE = 'the comment on ' || coalesce(of_break, '') || ' has no author or no words; give both', DETAIL = '{}';
    END IF;
    INSERT INTO break_events (break_id, data_source, account_id, field_name, event, made_by, comment)
    SELECT b.break_id, b.data_source, b.account_id, b.field_name, 'COMMENTED', btrim(author), btrim(words)
    FROM reconciliation_breaks AS b WHERE b.break_id = of_break;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'AP002',
            MESSAGE = 'there is no break ' || coalesce(of_break, '') || '; `advisory-perf breaks list` names them',
            DETAIL = jsonb_build_object('break_id', of_break);
    END IF;
    PERFORM add_to_audit_log(author, 'COMMENTED', of_break, NULL, jsonb_build_object('comment', btrim(words)));
END
$$;

COMMENT ON FUNCTION comment_on_break IS 'adds a comment to a break';

REVOKE ALL ON FUNCTION comment_on_break(text, text, text) FROM PUBLIC;

REVOKE ALL ON FUNCTION comment_on_break(text, text, text) FROM advisory_perf_writer;

GRANT EXECUTE ON FUNCTION comment_on_break(text, text, text) TO advisory_perf_desk;
