-- depends: 0024_functions
-- A feed is one kind of file of one vendor and has a name of its own; what the platform knows a delivery by is the feed's. Until now each
-- vendor had one feed, which went by the vendor's name.

DO $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = 'etl_processing_log'::regclass AND attname = 'feed' AND NOT attisdropped
    ) THEN
        ALTER TABLE etl_processing_log ADD COLUMN feed text;
        UPDATE etl_processing_log SET feed = vendor;
        ALTER TABLE etl_processing_log
            ALTER COLUMN feed SET NOT NULL,
            DROP CONSTRAINT etl_processing_log_same_file,
            ADD CONSTRAINT etl_processing_log_same_file UNIQUE (feed, file_name, sha256);
        DROP INDEX etl_processing_log_status;
        CREATE INDEX etl_processing_log_status ON etl_processing_log (feed, status);
        DROP INDEX etl_processing_log_as_of;
        CREATE INDEX etl_processing_log_as_of ON etl_processing_log (feed, first_as_of_date, last_as_of_date);
        ALTER TABLE alerts ADD COLUMN feed text;
        UPDATE alerts SET feed = vendor;
        ALTER TABLE alerts ALTER COLUMN feed SET NOT NULL;
        -- What a run writes to the lake is noted by the feed, and whose data it is says nothing besides.
        ALTER TABLE lake_writes RENAME COLUMN vendor TO feed;
        ALTER TABLE ingestion_writes RENAME COLUMN vendor TO feed;
    END IF;
END
$$;

COMMENT ON COLUMN etl_processing_log.feed IS 'the name of the feed that claims the file; unknown where none does';
COMMENT ON COLUMN etl_processing_log.vendor IS 'whose data the feed is; unknown where no feed claims the file';
COMMENT ON COLUMN alerts.feed IS 'the name of the feed that it is about; unknown for a file of none, all where it is the platform''s own';
COMMENT ON COLUMN alerts.vendor IS 'whose data that feed is; likewise';
COMMENT ON COLUMN lake_writes.feed IS 'the name of the feed whose pipeline it is';
COMMENT ON COLUMN ingestion_writes.feed IS 'the name of the feed whose delivery it is';
