-- depends: 0021_landing_writes
-- One word for one thing: a lock is held, a delivery is ingested, a pipeline computes. Nothing but names changes.

DO $$
BEGIN
    IF to_regclass('locks') IS NULL THEN
        ALTER TABLE turns RENAME TO locks;
        ALTER INDEX turns_pkey RENAME TO locks_pkey;
        ALTER SEQUENCE turn_tokens RENAME TO lock_tokens;
        ALTER TABLE landing_writes RENAME TO ingestion_writes;
        ALTER INDEX landing_writes_pkey RENAME TO ingestion_writes_pkey;
        ALTER INDEX landing_writes_delivery RENAME TO ingestion_writes_delivery;
        ALTER SEQUENCE landing_writes_id_seq RENAME TO ingestion_writes_id_seq;
        ALTER TABLE etl_processing_log RENAME COLUMN landing_no TO ingestion_no;
        ALTER SEQUENCE landing_numbers RENAME TO ingestion_numbers;
    END IF;
END
$$;

-- Where this was applied before and is again, the migrations before it have made empty ones of the old names.
DROP TABLE IF EXISTS turns, landing_writes;

DROP SEQUENCE IF EXISTS turn_tokens;

ALTER TABLE etl_processing_log DROP COLUMN IF EXISTS landing_no;

DROP SEQUENCE IF EXISTS landing_numbers;

COMMENT ON TABLE locks IS 'who took a lock last: a process whose token is not this one has lost it, whatever it remembers';
COMMENT ON COLUMN locks.subject IS 'what is done by one run at a time, such as the pipeline of a feed or the ingestion of a delivery';
COMMENT ON TABLE ingestion_writes IS 'deliveries whose rows in the lake a run writes now, or wrote without recording it in the ledger';
COMMENT ON COLUMN ingestion_writes.run_id IS 'the run; null once it has ended, and the delivery is to be ingested again';
COMMENT ON COLUMN etl_processing_log.ingestion_no IS 'raised by whatever gives the pipeline something to compute';
COMMENT ON COLUMN etl_processing_log.taken_up_no IS 'the ingestion_no that taken_up_by is about';
COMMENT ON COLUMN etl_processing_log.taken_up_by IS 'the stages of the pipeline whose rows hold what that ingestion wrote';
