-- depends: 0010_breaks_of_what_was_published
-- Accounts that their owner emptied, returns whose flow is large, and the return of a sub-period beside whose flow a base or a rest is nothing.

ALTER TABLE performance_data ADD COLUMN IF NOT EXISTS is_closed boolean;

ALTER TABLE performance_data_history ADD COLUMN IF NOT EXISTS is_closed boolean;

COMMENT ON COLUMN performance_data.is_closed IS 'its owner has emptied the account, and nothing has come in since; null where published before it was kept';

-- The checks of partitions are their own and do not go with their parent's.
ALTER TABLE performance_data DROP CONSTRAINT IF EXISTS performance_data_return_status;

DO $$
DECLARE
    part regclass;
BEGIN
    FOR part IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'performance_data'::regclass LOOP
        EXECUTE 'ALTER TABLE ' || part || ' DROP CONSTRAINT IF EXISTS performance_data_return_status';
    END LOOP;
END
$$;

ALTER TABLE performance_data ADD CONSTRAINT performance_data_return_status CHECK (
    return_status IN (
        'OK', 'LARGE_FLOW', 'UNDEFINED_BASE', 'BELOW_MINIMUM_BASE', 'BEYOND_TOTAL_LOSS', 'MISSING_VALUE', 'CURRENCY_CHANGE', 'CLOSED'
    )
);

-- A large flow has a return, and a closed account owes none.
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
        count(*) FILTER (WHERE return_status NOT IN ('OK', 'LARGE_FLOW', 'CLOSED')) AS undefined_returns
    FROM performance_data
    GROUP BY data_source, account_id
) AS counted ON counted.data_source = account.data_source AND counted.account_id = account.account_id;

DROP FUNCTION IF EXISTS single_period_twrr(numeric, numeric, numeric, numeric, numeric, text, text, numeric, numeric);
