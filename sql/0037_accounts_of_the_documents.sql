-- depends: 0036_indexes_of_answers
-- What kind of account it is, since when it is there, and whether it holds assets, or else why not. What was published before is looked through once.

ALTER TABLE performance_data ADD COLUMN IF NOT EXISTS account_type text;

ALTER TABLE performance_data_history ADD COLUMN IF NOT EXISTS account_type text;

ALTER TABLE accounts
    ADD COLUMN IF NOT EXISTS account_type text,
    ADD COLUMN IF NOT EXISTS inception_date date,
    ADD COLUMN IF NOT EXISTS status text NOT NULL DEFAULT 'ACTIVE',
    ADD COLUMN IF NOT EXISTS status_date date;

ALTER TABLE accounts DROP CONSTRAINT IF EXISTS accounts_status;

ALTER TABLE accounts ADD CONSTRAINT accounts_status CHECK (status IN ('ACTIVE', 'EMPTY', 'CLOSED'));

COMMENT ON COLUMN accounts.account_type IS 'what kind of account it is, in the vendor''s words';

COMMENT ON COLUMN performance_data.account_type IS 'what kind of account it is, in the vendor''s words';

COMMENT ON COLUMN accounts.inception_date IS 'the first valuation with money in the account; null before there is one';

COMMENT ON COLUMN accounts.status IS
    'ACTIVE while it holds assets; CLOSED once its owner has emptied it; EMPTY where it was never funded, or everything was lost';

COMMENT ON COLUMN accounts.status_date IS 'the valuation since which it holds assets, or none';

-- An account id may be one of several vendors'.
CREATE INDEX IF NOT EXISTS accounts_account_id ON accounts (account_id);

CREATE OR REPLACE VIEW account_groups AS
SELECT
    account.data_source,
    of.level,
    of.group_id,
    count(*) AS accounts,
    count(*) FILTER (WHERE account.is_open) AS open_accounts,
    min(account.first_as_of_date) AS first_as_of_date,
    max(account.last_as_of_date) AS last_as_of_date
FROM accounts AS account
CROSS JOIN LATERAL (VALUES ('PORTFOLIO', account.portfolio_id), ('CLIENT', account.client_id)) AS of (level, group_id)
WHERE of.group_id IS NOT NULL
GROUP BY account.data_source, of.level, of.group_id;

COMMENT ON VIEW account_groups IS 'the portfolios and clients that accounts belong to by their latest positions';

-- Few rows; without it every publication would look through the whole history for them.
CREATE INDEX IF NOT EXISTS performance_data_without_assets ON performance_data (data_source, account_id, as_of_date)
    WHERE ending_market_value = 0 OR is_closed;

WITH rows AS (
    SELECT
        data_source,
        account_id,
        as_of_date,
        coalesce(is_closed, false) AS is_closed,
        (ending_market_value = 0 OR is_closed) IS NOT TRUE AS is_open,
        beginning_market_value <> 0 OR contributions <> 0 OR ending_market_value <> 0 AS is_funded,
        last_value((ending_market_value = 0 OR is_closed) IS NOT TRUE) OVER whole AS is_open_now,
        last_value(coalesce(is_closed, false)) OVER whole AS is_closed_now
    FROM performance_data
    WINDOW whole AS (
        PARTITION BY data_source, account_id ORDER BY as_of_date ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    )
),
days AS (
    SELECT
        data_source,
        account_id,
        min(as_of_date) AS first_day,
        min(as_of_date) FILTER (WHERE is_funded) AS inception_date,
        max(as_of_date) FILTER (WHERE is_open <> is_open_now) AS last_other_day,
        bool_and(is_open_now) AS is_open,
        bool_and(is_closed_now) AS is_closed
    FROM rows
    GROUP BY data_source, account_id
)
UPDATE accounts AS account
SET inception_date = days.inception_date,
    status = CASE
        WHEN days.is_open THEN 'ACTIVE' WHEN days.is_closed AND days.inception_date IS NOT NULL THEN 'CLOSED' ELSE 'EMPTY'
    END,
    status_date = (
        SELECT min(p.as_of_date) FROM performance_data AS p
        WHERE p.data_source = account.data_source AND p.account_id = account.account_id
            AND p.as_of_date > coalesce(days.last_other_day, '-infinity')
    )
FROM days
WHERE days.data_source = account.data_source AND days.account_id = account.account_id;
