-- depends: 0033_portfolio_contributions 0034_exchange_rates_history
-- By what a reader knows that nothing has changed since: a number that every transaction raises which changes what is served. One row for
-- all would make each writer wait for the end of every other; so there are several, a transaction raises one that nobody else is raising,
-- and the number is their sum. It grows with every commit, in whichever order transactions end, and never before one does.

CREATE TABLE IF NOT EXISTS data_versions (
    slot integer PRIMARY KEY,
    version bigint NOT NULL
) WITH (fillfactor = 50);

COMMENT ON TABLE data_versions IS 'the sum of the versions is the number of the data that are served; a transaction that changes them raises one';

COMMENT ON COLUMN data_versions.slot IS 'counts the rows, so that transactions at the same time have one each';

COMMENT ON COLUMN data_versions.version IS 'how often a transaction has raised this one';

INSERT INTO data_versions (slot, version) SELECT slot, 0 FROM generate_series(1, 32) AS slot ON CONFLICT DO NOTHING;

CREATE OR REPLACE FUNCTION raise_data_version() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE data_versions SET version = version + 1
    WHERE slot = (SELECT d.slot FROM data_versions AS d ORDER BY d.slot FOR UPDATE SKIP LOCKED LIMIT 1);
    IF NOT FOUND THEN
        INSERT INTO data_versions AS d (slot, version) VALUES (1000 + pg_backend_pid(), 1)
        ON CONFLICT (slot) DO UPDATE SET version = d.version + 1;
    END IF;
END
$$;

COMMENT ON FUNCTION raise_data_version IS 'says that the transaction changes what is served';

REVOKE ALL ON FUNCTION raise_data_version FROM PUBLIC;

GRANT EXECUTE ON FUNCTION raise_data_version TO advisory_perf_writer, advisory_perf_desk;

CREATE OR REPLACE FUNCTION note_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_NARGS = 0 THEN
        PERFORM raise_data_version();
    ELSIF EXISTS (SELECT FROM changed) THEN
        PERFORM raise_data_version();
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION note_change IS
    'trigger, once a statement: the transaction changes what is served; with an argument only if the statement has changed a row';

REVOKE ALL ON FUNCTION note_change FROM PUBLIC;

GRANT EXECUTE ON FUNCTION note_change TO advisory_perf_writer;

-- Of the large tables the rows that a statement changes are not collected to be looked at: nothing touches them without a change.
DO $$
DECLARE
    served text;
BEGIN
    FOREACH served IN ARRAY ARRAY[
        'performance_data', 'reconciliation_results', 'portfolio_performance', 'account_statistics', 'portfolio_contributions',
        'currency_returns'
    ] LOOP
        EXECUTE 'CREATE OR REPLACE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON ' || quote_ident(served)
            || ' FOR EACH STATEMENT EXECUTE FUNCTION note_change()';
    END LOOP;
    FOREACH served IN ARRAY ARRAY[
        'etl_processing_log', 'data_quality_issues', 'delivery_profiles', 'delivered_days', 'accounts', 'reconciliation_totals',
        'delivery_factors', 'reconciliation_breaks', 'break_sign_offs', 'break_events', 'restatements', 'delivery_quality_shares',
        'data_quality_scores', 'delivery_quality_scores', 'alerts', 'composite_performance', 'composite_members', 'composite_report',
        'exchange_rates'
    ] LOOP
        EXECUTE 'CREATE OR REPLACE TRIGGER note_insert AFTER INSERT ON ' || quote_ident(served)
            || ' REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_change(''rows'')';
        EXECUTE 'CREATE OR REPLACE TRIGGER note_update AFTER UPDATE ON ' || quote_ident(served)
            || ' REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_change(''rows'')';
        EXECUTE 'CREATE OR REPLACE TRIGGER note_delete AFTER DELETE ON ' || quote_ident(served)
            || ' REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_change(''rows'')';
        EXECUTE 'CREATE OR REPLACE TRIGGER note_truncate AFTER TRUNCATE ON ' || quote_ident(served)
            || ' FOR EACH STATEMENT EXECUTE FUNCTION note_change()';
    END LOOP;
END
$$;

-- Whether the schema is the one that the code was written for.
GRANT SELECT ON _yoyo_migration TO advisory_perf_reader;
