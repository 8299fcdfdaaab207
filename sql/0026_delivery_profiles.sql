-- depends: 0025_feeds
-- What each ingested delivery looks like, column by column, so that the next ones of its feed can be held against it. A table of its own:
-- the ledger's rows are read often, and a profile has some thousand characters.

CREATE TABLE IF NOT EXISTS delivery_profiles (
    etl_log_id bigint PRIMARY KEY REFERENCES etl_processing_log (id) ON DELETE CASCADE,
    profile jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE delivery_profiles IS 'what an ingested delivery looks like: its rows, days and columns, bounded in size';
COMMENT ON COLUMN delivery_profiles.profile IS 'columns with types, blanks, distinct values, least, most, total and frequent values';
