-- depends: 0038_audit_log
-- Rows in quarantine that no two have the same of: those of several figures in one line of a file have its number in common.

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
    issue.created_at AS quarantined_at,
    issue.id AS issue_id
FROM data_quality_issues AS issue
JOIN etl_processing_log AS log ON log.id = issue.etl_log_id
WHERE issue.line_number IS NOT NULL;

COMMENT ON COLUMN quarantine.issue_id IS 'the row''s id in data_quality_issues; one line of a file may have several rows';
