-- depends: 0036_indexes_of_answers
-- What kind of account it is, since when it is there, and whether it holds assets, or else why not. The columns alone: what was published
-- before is looked through by a migration of its own, so that nobody waits for that who reads.

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
