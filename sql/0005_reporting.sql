-- depends: 0004_functions
-- What people look at: the state of each account, of each vendor's deliveries, and the days' totals.

CREATE OR REPLACE VIEW performance_summary AS
SELECT
    account.data_source,
    account.account_id,
    latest.account_name,
    latest.portfolio_id,
    latest.client_id,
    latest.currency,
    latest.as_of_date,
    latest.ending_market_value,
    latest.cumulative_net_flow,
    latest.cumulative_twrr,
    latest.twrr_mtd,
    latest.twrr_qtd,
    latest.twrr_ytd,
    latest.twrr_1y,
    latest.linked_over_gap,
    latest.inception_date,
    counted.first_as_of_date,
    counted.valuations,
    counted.valuations_with_breaks,
    counted.undefined_returns
FROM accounts AS account
CROSS JOIN LATERAL (
    SELECT *
    FROM performance_data AS p
    WHERE p.data_source = account.data_source AND p.account_id = account.account_id
    ORDER BY p.as_of_date DESC
    LIMIT 1
) AS latest
JOIN (
    SELECT
        data_source,
        account_id,
        min(as_of_date) AS first_as_of_date,
        count(*) AS valuations,
        count(*) FILTER (WHERE reconciliation_status = 'COMPLETED_WITH_ISSUES') AS valuations_with_breaks,
        count(*) FILTER (WHERE return_status <> 'OK') AS undefined_returns
    FROM performance_data
    GROUP BY data_source, account_id
) AS counted ON counted.data_source = account.data_source AND counted.account_id = account.account_id;

COMMENT ON VIEW performance_summary IS 'each account''s latest valuation, and how many of its valuations have breaks';

CREATE OR REPLACE VIEW data_quality_dashboard AS
WITH deliveries AS (
    SELECT
        vendor,
        count(*) AS deliveries,
        count(*) FILTER (WHERE status = 'RECEIVED') AS deliveries_received,
        count(*) FILTER (WHERE status = 'PROCESSING') AS deliveries_processing,
        count(*) FILTER (WHERE status = 'COMPLETED') AS deliveries_completed,
        count(*) FILTER (WHERE status = 'COMPLETED_WITH_ISSUES') AS deliveries_completed_with_issues,
        count(*) FILTER (WHERE status = 'FAILED') AS deliveries_failed,
        count(*) FILTER (WHERE status = 'DUPLICATE') AS deliveries_duplicate,
        sum(records_read)::bigint AS rows_read,
        sum(records_processed)::bigint AS rows_accepted,
        sum(records_failed)::bigint AS rows_quarantined,
        sum(records_duplicate)::bigint AS rows_duplicate,
        sum(records_footer)::bigint AS rows_footer,
        max(last_as_of_date) FILTER (WHERE status IN ('COMPLETED', 'COMPLETED_WITH_ISSUES')) AS latest_as_of_date,
        max(received_at) AS latest_received_at
    FROM etl_processing_log
    GROUP BY vendor
),
issues AS (
    SELECT
        log.vendor,
        count(*) FILTER (WHERE issue.severity = 'LOW') AS issues_low,
        count(*) FILTER (WHERE issue.severity = 'MEDIUM') AS issues_medium,
        count(*) FILTER (WHERE issue.severity = 'HIGH') AS issues_high,
        count(*) FILTER (WHERE issue.severity = 'CRITICAL') AS issues_critical
    FROM data_quality_issues AS issue
    JOIN etl_processing_log AS log ON log.id = issue.etl_log_id
    GROUP BY log.vendor
),
reconciliation AS (
    SELECT
        data_source AS vendor,
        count(within_tolerance) AS figures_compared,
        count(*) FILTER (WHERE within_tolerance IS FALSE) AS breaks
    FROM reconciliation_results
    GROUP BY data_source
)
SELECT
    deliveries.*,
    coalesce(reconciliation.figures_compared, 0) AS figures_compared,
    coalesce(reconciliation.breaks, 0) AS breaks,
    (reconciliation.figures_compared - reconciliation.breaks)::double precision
        / nullif(reconciliation.figures_compared, 0) AS reconciliation_pass_rate,
    coalesce(issues.issues_low, 0) AS issues_low,
    coalesce(issues.issues_medium, 0) AS issues_medium,
    coalesce(issues.issues_high, 0) AS issues_high,
    coalesce(issues.issues_critical, 0) AS issues_critical
FROM deliveries
LEFT JOIN issues ON issues.vendor = deliveries.vendor
LEFT JOIN reconciliation ON reconciliation.vendor = deliveries.vendor;

COMMENT ON VIEW data_quality_dashboard IS 'a vendor''s deliveries, rows, issues and reconciliation; a pass rate of 1 is all';

-- By currency as well: a sum over two currencies is no amount.
CREATE MATERIALIZED VIEW IF NOT EXISTS daily_vendor_totals AS
SELECT
    data_source,
    as_of_date,
    currency,
    count(*) AS accounts,
    sum(beginning_market_value) AS beginning_market_value,
    sum(ending_market_value) AS ending_market_value,
    sum(net_flow) AS net_flow,
    count(*) FILTER (WHERE reconciliation_status = 'COMPLETED_WITH_ISSUES') AS accounts_with_breaks
FROM performance_data
GROUP BY data_source, as_of_date, currency;

CREATE UNIQUE INDEX IF NOT EXISTS daily_vendor_totals_key ON daily_vendor_totals (data_source, as_of_date, currency);

COMMENT ON MATERIALIZED VIEW daily_vendor_totals IS 'sums of a vendor''s day by currency, as of the last refresh';
