-- The ledger: one row a delivery, its status and its counts, and the issues found in it.
--
-- Every file here is plain SQL and holds no percent sign, because the migration tool takes one for a parameter.
-- A statement may meet its own result (IF NOT EXISTS, OR REPLACE): a process killed between applying a file and
-- noting that it was applied must not stop the next one.

CREATE TABLE IF NOT EXISTS etl_processing_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery_id text NOT NULL UNIQUE,
    file_name text NOT NULL,
    file_path text NOT NULL,
    vendor text NOT NULL,
    sha256 text NOT NULL,
    size_bytes bigint NOT NULL CHECK (size_bytes >= 0),
    status text NOT NULL CHECK (
        status IN ('RECEIVED', 'PROCESSING', 'COMPLETED', 'COMPLETED_WITH_ISSUES', 'FAILED', 'DUPLICATE')
    ),
    first_as_of_date date,
    last_as_of_date date,
    records_read bigint NOT NULL DEFAULT 0,
    records_processed bigint NOT NULL DEFAULT 0,
    records_inserted bigint NOT NULL DEFAULT 0,
    records_updated bigint NOT NULL DEFAULT 0,
    records_failed bigint NOT NULL DEFAULT 0,
    records_duplicate bigint NOT NULL DEFAULT 0,
    records_footer bigint NOT NULL DEFAULT 0,
    error_code text,
    error_message text,
    received_at timestamptz NOT NULL,
    pending_first_date date,
    pending_last_date date,
    normalized_run_id text,
    processing_start_time timestamptz,
    processing_end_time timestamptz,
    run_id text,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT etl_processing_log_same_file UNIQUE (vendor, file_name, sha256),
    CONSTRAINT etl_processing_log_dates CHECK (first_as_of_date <= last_as_of_date),
    CONSTRAINT etl_processing_log_conservation CHECK (
        status NOT IN ('PROCESSING', 'COMPLETED', 'COMPLETED_WITH_ISSUES')
        OR records_read = records_processed + records_failed + records_duplicate + records_footer
    )
);

CREATE INDEX IF NOT EXISTS etl_processing_log_status ON etl_processing_log (vendor, status);

CREATE INDEX IF NOT EXISTS etl_processing_log_sha256 ON etl_processing_log (sha256);

CREATE INDEX IF NOT EXISTS etl_processing_log_as_of ON etl_processing_log (vendor, first_as_of_date, last_as_of_date);

COMMENT ON TABLE etl_processing_log IS 'the ledger: one row a delivery, its status and its counts';

COMMENT ON COLUMN etl_processing_log.records_processed IS 'accepted rows: those that became positions';

COMMENT ON COLUMN etl_processing_log.records_failed IS 'quarantined rows';

COMMENT ON COLUMN etl_processing_log.pending_first_date IS 'first day that the pipeline has still to compute because of this delivery';

COMMENT ON COLUMN etl_processing_log.pending_last_date IS 'last such day';

COMMENT ON COLUMN etl_processing_log.normalized_run_id IS 'the ingestion (run_id) whose rows normalized_positions has taken up';

COMMENT ON COLUMN etl_processing_log.received_at IS 'when the delivery arrived in the lake';

CREATE TABLE IF NOT EXISTS data_quality_issues (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    etl_log_id bigint NOT NULL REFERENCES etl_processing_log (id) ON DELETE CASCADE,
    account_id text,
    as_of_date date,
    issue_type text NOT NULL,
    issue_description text NOT NULL,
    field_name text,
    expected_value text,
    actual_value text,
    severity text NOT NULL CHECK (severity IN ('LOW', 'MEDIUM', 'HIGH', 'CRITICAL')),
    line_number bigint,
    raw_row text,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX IF NOT EXISTS data_quality_issues_log ON data_quality_issues (etl_log_id);

CREATE INDEX IF NOT EXISTS data_quality_issues_type ON data_quality_issues (issue_type);

CREATE INDEX IF NOT EXISTS data_quality_issues_account ON data_quality_issues (account_id, as_of_date);

COMMENT ON TABLE data_quality_issues IS 'what was wrong in a delivery: its quarantined rows, whole, with code and reason';

COMMENT ON COLUMN data_quality_issues.issue_type IS 'the code';
