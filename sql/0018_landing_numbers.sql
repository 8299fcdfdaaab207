-- depends: 0017_turns
-- Each ingestion, rejection or doubt gets a number of its own, by which a pipeline says what its rows hold. A run's id could not say it: it
-- stands in the ledger from the moment at which the run claims the delivery, which is before its rows are there.

CREATE SEQUENCE IF NOT EXISTS landing_numbers;

GRANT USAGE ON SEQUENCE landing_numbers TO advisory_perf_writer;

ALTER TABLE etl_processing_log
    ADD COLUMN IF NOT EXISTS landing_no bigint NOT NULL DEFAULT nextval('landing_numbers'),
    ADD COLUMN IF NOT EXISTS taken_up_no bigint;

COMMENT ON COLUMN etl_processing_log.landing_no IS 'raised by whatever gives the pipeline something to compute';
COMMENT ON COLUMN etl_processing_log.taken_up_no IS 'the landing_no whose rows normalized_positions holds';
COMMENT ON COLUMN etl_processing_log.normalized_run_id IS 'no longer used; see taken_up_no';
