-- depends: 0032_exchange_rates
-- What each account contributed to the returns of its portfolio and client, by month end. Computed apart from the pipelines, like statistics:
-- a publication notes which portfolios and clients it has changed from which day on, and what computes them strikes that off in the
-- transaction that writes them.

CREATE TABLE IF NOT EXISTS portfolio_contributions (
    data_source text NOT NULL,
    level text NOT NULL,
    group_id text NOT NULL,
    month date NOT NULL,
    account_id text NOT NULL,
    as_of_date date NOT NULL,
    contribution_mtd double precision,
    twrr_mtd double precision,
    status_mtd text NOT NULL,
    contribution_qtd double precision,
    twrr_qtd double precision,
    status_qtd text NOT NULL,
    contribution_ytd double precision,
    twrr_ytd double precision,
    status_ytd text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (data_source, level, group_id, month, account_id),
    CONSTRAINT portfolio_contributions_level CHECK (level IN ('PORTFOLIO', 'CLIENT')),
    CONSTRAINT portfolio_contributions_month CHECK (extract(day FROM month + 1) = 1),
    CONSTRAINT portfolio_contributions_status_mtd CHECK (status_mtd IN ('OK', 'UNDEFINED_RETURN', 'TOTAL_LOSS', 'NOT_A_MEMBER')),
    CONSTRAINT portfolio_contributions_status_qtd CHECK (status_qtd IN ('OK', 'UNDEFINED_RETURN', 'TOTAL_LOSS', 'NOT_A_MEMBER')),
    CONSTRAINT portfolio_contributions_status_ytd CHECK (status_ytd IN ('OK', 'UNDEFINED_RETURN', 'TOTAL_LOSS', 'NOT_A_MEMBER')),
    CONSTRAINT portfolio_contributions_nulls CHECK (
        (contribution_mtd IS NOT NULL) = (status_mtd = 'OK')
        AND (contribution_qtd IS NOT NULL) = (status_qtd = 'OK')
        AND (contribution_ytd IS NOT NULL) = (status_ytd = 'OK')
    )
);

CREATE INDEX IF NOT EXISTS portfolio_contributions_account ON portfolio_contributions (data_source, account_id, month);

COMMENT ON TABLE portfolio_contributions IS 'what each account contributed to the returns to date of its portfolio and client, at each month end';
COMMENT ON COLUMN portfolio_contributions.data_source IS 'the vendor';
COMMENT ON COLUMN portfolio_contributions.level IS 'what the accounts are rolled up to';
COMMENT ON COLUMN portfolio_contributions.group_id IS 'the portfolio or client, as its accounts name it';
COMMENT ON COLUMN portfolio_contributions.month IS 'the last day of the calendar month';
COMMENT ON COLUMN portfolio_contributions.account_id IS 'an account that was a member on a day of the year up to as_of_date';
COMMENT ON COLUMN portfolio_contributions.as_of_date IS 'the group''s last valuation of the month';
COMMENT ON COLUMN portfolio_contributions.contribution_mtd IS 'the account''s part in twrr_mtd, linked by Carino; null unless status_mtd is OK (0.01 is 1 %)';
COMMENT ON COLUMN portfolio_contributions.twrr_mtd IS 'the group''s return since the month began, on as_of_date, as in portfolio_performance (0.01 is 1 %)';
COMMENT ON COLUMN portfolio_contributions.status_mtd IS 'OK, or why contribution_mtd is null';
COMMENT ON COLUMN portfolio_contributions.contribution_qtd IS 'the account''s part in twrr_qtd, linked by Carino; null unless status_qtd is OK (0.01 is 1 %)';
COMMENT ON COLUMN portfolio_contributions.twrr_qtd IS 'the group''s return since the quarter began, on as_of_date, as in portfolio_performance (0.01 is 1 %)';
COMMENT ON COLUMN portfolio_contributions.status_qtd IS 'OK, or why contribution_qtd is null';
COMMENT ON COLUMN portfolio_contributions.contribution_ytd IS 'the account''s part in twrr_ytd, linked by Carino; null unless status_ytd is OK (0.01 is 1 %)';
COMMENT ON COLUMN portfolio_contributions.twrr_ytd IS 'the group''s return since the year began, on as_of_date, as in portfolio_performance (0.01 is 1 %)';
COMMENT ON COLUMN portfolio_contributions.status_ytd IS 'OK, or why contribution_ytd is null';

CREATE TABLE IF NOT EXISTS contributions_pending (
    data_source text NOT NULL,
    level text NOT NULL,
    group_id text NOT NULL,
    first_date date NOT NULL,
    noted_no bigint NOT NULL DEFAULT nextval('statistics_numbers'),
    PRIMARY KEY (data_source, level, group_id)
);

COMMENT ON TABLE contributions_pending IS 'portfolios and clients whose published rows, or their accounts'', changed after their contributions were computed';
COMMENT ON COLUMN contributions_pending.first_date IS 'the first day that changed';
COMMENT ON COLUMN contributions_pending.noted_no IS 'raised by each change, so that one which comes while contributions are computed stays';

COMMENT ON COLUMN computed_from.subject IS 'the vendor whose figures they are, after "accounts of " or "contributions of ", or composites';

-- What was published before is computed once.
INSERT INTO contributions_pending (data_source, level, group_id, first_date)
SELECT data_source, level, group_id, min(as_of_date) FROM portfolio_performance GROUP BY data_source, level, group_id
ON CONFLICT DO NOTHING;
