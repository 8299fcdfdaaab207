-- depends: 0038_audit_log
-- Since when the accounts of before are there, and whether they hold assets: what was published of them is looked through once.

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
