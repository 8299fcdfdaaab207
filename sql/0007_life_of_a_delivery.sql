-- depends: 0006_periods_over_gaps
-- What is in quarantine, and which rows of others a delivery has superseded.

CREATE OR REPLACE VIEW quarantine AS
SELECT
    log.vendor,
    log.delivery_id,
    log.file_name,
    issue.line_number,
    issue.issue_type AS code,
    issue.field_name,
    issue.issue_description AS reason,
    issue.severity,
    issue.account_id,
    issue.as_of_date,
    EXISTS (
        SELECT FROM performance_data AS p
        WHERE p.data_source = log.vendor AND p.account_id = issue.account_id AND p.as_of_date = issue.as_of_date
    ) AS is_published,
    issue.raw_row,
    issue.created_at AS quarantined_at
FROM data_quality_issues AS issue
JOIN etl_processing_log AS log ON log.id = issue.etl_log_id
WHERE issue.line_number IS NOT NULL;

COMMENT ON VIEW quarantine IS 'the rows that are in quarantine now, whole, with code and reason';

COMMENT ON COLUMN quarantine.is_published IS 'the account-date is published all the same, from another delivery';

-- The ledger's records_inserted and records_updated are counted by these.
CREATE INDEX IF NOT EXISTS performance_data_history_delivery ON performance_data_history (delivery_id);

CREATE INDEX IF NOT EXISTS performance_data_history_superseded_by ON performance_data_history (superseded_by_delivery_id);

COMMENT ON COLUMN etl_processing_log.records_inserted IS 'published account-dates that were not published before this delivery';

COMMENT ON COLUMN etl_processing_log.records_updated IS 'published account-dates that superseded the row of another delivery';
