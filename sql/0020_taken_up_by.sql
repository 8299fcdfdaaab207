-- depends: 0019_lake_writes
-- Which stages of the pipeline hold what an ingestion says. That the first one does is not enough: a run may end between two stages, and a
-- person may then have only the last one computed, from what its inputs held before.

ALTER TABLE etl_processing_log ADD COLUMN IF NOT EXISTS taken_up_by text[] NOT NULL DEFAULT '{}';

COMMENT ON COLUMN etl_processing_log.taken_up_no IS 'the landing_no of which taken_up_by tells';
COMMENT ON COLUMN etl_processing_log.taken_up_by IS 'the stages of the pipeline whose rows hold what that ingestion says';
