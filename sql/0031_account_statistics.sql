-- depends: 0028_explained_breaks
-- What is published above the account: statistics of each account by month end, and composites. Computed across feeds, apart from the
-- pipelines: a publication notes which accounts it has changed from which day on, and what computes them strikes that off in the
-- transaction that writes them, so that nothing is lost and nothing is computed for nothing.

CREATE SEQUENCE IF NOT EXISTS statistics_numbers;

GRANT USAGE ON SEQUENCE statistics_numbers TO advisory_perf_writer;

CREATE TABLE IF NOT EXISTS account_statistics (
    data_source text NOT NULL,
    account_id text NOT NULL,
    month date NOT NULL,
    as_of_date date NOT NULL,
    currency text,
    beginning_market_value numeric(24, 4),
    ending_market_value numeric(24, 4),
    gross_return double precision,
    net_return double precision,
    benchmark_return double precision,
    gross_1y double precision,
    net_1y double precision,
    benchmark_1y double precision,
    gross_excess_1y double precision,
    net_excess_1y double precision,
    gross_3y double precision,
    net_3y double precision,
    benchmark_3y double precision,
    gross_excess_3y double precision,
    net_excess_3y double precision,
    gross_5y double precision,
    net_5y double precision,
    benchmark_5y double precision,
    gross_excess_5y double precision,
    net_excess_5y double precision,
    gross_si double precision,
    net_si double precision,
    benchmark_si double precision,
    gross_excess_si double precision,
    net_excess_si double precision,
    volatility double precision,
    benchmark_volatility double precision,
    tracking_error double precision,
    information_ratio double precision,
    max_drawdown double precision,
    linked_over_gap boolean,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (data_source, account_id, month),
    CONSTRAINT account_statistics_month CHECK (extract(day FROM month + 1) = 1)
);

COMMENT ON TABLE account_statistics IS 'each account at each month end: annualised returns gross and net, against the benchmark, and how far they vary';
COMMENT ON COLUMN account_statistics.data_source IS 'the vendor';
COMMENT ON COLUMN account_statistics.account_id IS 'the vendor''s account number, as text';
COMMENT ON COLUMN account_statistics.month IS 'the last day of the calendar month';
COMMENT ON COLUMN account_statistics.as_of_date IS 'the account''s last valuation of the month';
COMMENT ON COLUMN account_statistics.currency IS 'ISO 4217 code of the account currency; null where the month has several';
COMMENT ON COLUMN account_statistics.beginning_market_value IS 'market value at the start of the month''s first sub-period, in account currency';
COMMENT ON COLUMN account_statistics.ending_market_value IS 'market value at the month''s last valuation, in account currency';
COMMENT ON COLUMN account_statistics.gross_return IS 'return of the month before fees; null where it is cut short, lacks one, or fees are unknown (0.01 is 1 %)';
COMMENT ON COLUMN account_statistics.net_return IS 'return of the month after fees; null where it is cut short or lacks one (0.01 is 1 %)';
COMMENT ON COLUMN account_statistics.benchmark_return IS 'the benchmark''s return over the sub-periods of the month (0.01 is 1 %)';
COMMENT ON COLUMN account_statistics.gross_1y IS 'annualised return before fees over 12 whole months (0.01 is 1 %)';
COMMENT ON COLUMN account_statistics.net_1y IS 'annualised return after fees over 12 whole months (0.01 is 1 %)';
COMMENT ON COLUMN account_statistics.benchmark_1y IS 'annualised return of the benchmark over 12 whole months (0.01 is 1 %)';
COMMENT ON COLUMN account_statistics.gross_excess_1y IS 'gross_1y - benchmark_1y (0.01 is 1 %)';
COMMENT ON COLUMN account_statistics.net_excess_1y IS 'net_1y - benchmark_1y (0.01 is 1 %)';
COMMENT ON COLUMN account_statistics.gross_3y IS 'annualised return before fees over 36 whole months (0.01 is 1 %)';
COMMENT ON COLUMN account_statistics.net_3y IS 'annualised return after fees over 36 whole months (0.01 is 1 %)';
COMMENT ON COLUMN account_statistics.benchmark_3y IS 'annualised return of the benchmark over 36 whole months (0.01 is 1 %)';
COMMENT ON COLUMN account_statistics.gross_excess_3y IS 'gross_3y - benchmark_3y (0.01 is 1 %)';
COMMENT ON COLUMN account_statistics.net_excess_3y IS 'net_3y - benchmark_3y (0.01 is 1 %)';
COMMENT ON COLUMN account_statistics.gross_5y IS 'annualised return before fees over 60 whole months (0.01 is 1 %)';
COMMENT ON COLUMN account_statistics.net_5y IS 'annualised return after fees over 60 whole months (0.01 is 1 %)';
COMMENT ON COLUMN account_statistics.benchmark_5y IS 'annualised return of the benchmark over 60 whole months (0.01 is 1 %)';
COMMENT ON COLUMN account_statistics.gross_excess_5y IS 'gross_5y - benchmark_5y (0.01 is 1 %)';
COMMENT ON COLUMN account_statistics.net_excess_5y IS 'net_5y - benchmark_5y (0.01 is 1 %)';
COMMENT ON COLUMN account_statistics.gross_si IS 'annualised return before fees since inception, of more than a year (0.01 is 1 %)';
COMMENT ON COLUMN account_statistics.net_si IS 'annualised return after fees since inception, of more than a year (0.01 is 1 %)';
COMMENT ON COLUMN account_statistics.benchmark_si IS 'annualised return of the benchmark since inception, of more than a year (0.01 is 1 %)';
COMMENT ON COLUMN account_statistics.gross_excess_si IS 'gross_si - benchmark_si (0.01 is 1 %)';
COMMENT ON COLUMN account_statistics.net_excess_si IS 'net_si - benchmark_si (0.01 is 1 %)';
COMMENT ON COLUMN account_statistics.volatility IS 'annualised standard deviation of the 36 monthly returns up to here, of the feed''s fee basis (0.01 is 1 %)';
COMMENT ON COLUMN account_statistics.benchmark_volatility IS 'the same of the benchmark (0.01 is 1 %)';
COMMENT ON COLUMN account_statistics.tracking_error IS 'annualised standard deviation of the 36 monthly excess returns (0.01 is 1 %)';
COMMENT ON COLUMN account_statistics.information_ratio IS 'annualised excess return of three years / tracking error; null where that is 0';
COMMENT ON COLUMN account_statistics.max_drawdown IS 'the deepest fall below the highest value since inception, over all valuations (0.01 is 1 %)';
COMMENT ON COLUMN account_statistics.linked_over_gap IS 'a return is undefined or a valuation missing somewhere since inception; null where it was published before that was kept';

CREATE TABLE IF NOT EXISTS composite_performance (
    composite text NOT NULL,
    month date NOT NULL,
    currency text,
    gross_return double precision,
    net_return double precision,
    benchmark_return double precision,
    beginning_assets numeric(24, 4),
    composite_assets numeric(24, 4),
    members bigint NOT NULL,
    missing_members bigint NOT NULL,
    composite_status text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (composite, month),
    CONSTRAINT composite_performance_month CHECK (extract(day FROM month + 1) = 1),
    CONSTRAINT composite_performance_status CHECK (
        composite_status IN ('OK', 'MISSING_MEMBERS', 'SEVERAL_CURRENCIES', 'MISSING_VALUE')
    ),
    CONSTRAINT composite_performance_members CHECK (missing_members BETWEEN 0 AND members)
);

COMMENT ON TABLE composite_performance IS 'each composite''s return of each month, with its benchmark, members and assets';
COMMENT ON COLUMN composite_performance.composite IS 'the composite';
COMMENT ON COLUMN composite_performance.month IS 'the last day of the calendar month';
COMMENT ON COLUMN composite_performance.currency IS 'ISO 4217 code of the members'' currency; null where they have several';
COMMENT ON COLUMN composite_performance.gross_return IS 'asset-weighted return of the month before fees; null where a member''s is not known (0.01 is 1 %)';
COMMENT ON COLUMN composite_performance.net_return IS 'asset-weighted return of the month after fees; null unless composite_status is OK (0.01 is 1 %)';
COMMENT ON COLUMN composite_performance.benchmark_return IS 'the benchmark''s return of the month, as the composite''s file has it (0.01 is 1 %)';
COMMENT ON COLUMN composite_performance.beginning_assets IS 'the members'' market value at the start of the month, in the currency';
COMMENT ON COLUMN composite_performance.composite_assets IS 'the members'' market value at the end of the month, in the currency';
COMMENT ON COLUMN composite_performance.members IS 'portfolios that belong to the composite for the whole month';
COMMENT ON COLUMN composite_performance.missing_members IS 'those of them without a net return of the month';
COMMENT ON COLUMN composite_performance.composite_status IS 'whether the month has a return, or why not';

CREATE TABLE IF NOT EXISTS composite_members (
    composite text NOT NULL,
    data_source text NOT NULL,
    account_id text NOT NULL,
    month date NOT NULL,
    currency text,
    beginning_market_value numeric(24, 4),
    ending_market_value numeric(24, 4),
    gross_return double precision,
    net_return double precision,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (composite, data_source, account_id, month),
    CONSTRAINT composite_members_month CHECK (extract(day FROM month + 1) = 1)
);

COMMENT ON TABLE composite_members IS 'which account belongs to which composite in which whole month, with its figures of the month';
COMMENT ON COLUMN composite_members.composite IS 'the composite';
COMMENT ON COLUMN composite_members.data_source IS 'the vendor; unknown where no vendor has delivered the account';
COMMENT ON COLUMN composite_members.account_id IS 'the vendor''s account number, as text';
COMMENT ON COLUMN composite_members.month IS 'the last day of the calendar month';
COMMENT ON COLUMN composite_members.currency IS 'ISO 4217 code of the account currency; null where the month has several, or no row';
COMMENT ON COLUMN composite_members.beginning_market_value IS 'the account''s market value at the start of the month, in account currency';
COMMENT ON COLUMN composite_members.ending_market_value IS 'the account''s market value at the end of the month, in account currency';
COMMENT ON COLUMN composite_members.gross_return IS 'the account''s return of the month before fees (0.01 is 1 %)';
COMMENT ON COLUMN composite_members.net_return IS 'the account''s return of the month after fees (0.01 is 1 %)';

CREATE TABLE IF NOT EXISTS composite_report (
    composite text NOT NULL,
    fee_basis text NOT NULL,
    year bigint NOT NULL,
    period_start date NOT NULL,
    period_end date NOT NULL,
    months bigint NOT NULL,
    currency text,
    gross_return double precision,
    net_return double precision,
    benchmark_return double precision,
    portfolios bigint NOT NULL,
    composite_assets numeric(24, 4),
    firm_assets numeric(24, 4),
    percentage_of_firm_assets double precision,
    dispersion_members bigint NOT NULL,
    dispersion_equal_population double precision,
    dispersion_equal_sample double precision,
    dispersion_asset_population double precision,
    dispersion_asset_sample double precision,
    high double precision,
    low double precision,
    upper_quartile double precision,
    median double precision,
    lower_quartile double precision,
    three_year_deviation double precision,
    benchmark_three_year_deviation double precision,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (composite, fee_basis, year),
    CONSTRAINT composite_report_fee_basis CHECK (fee_basis IN ('net', 'gross')),
    CONSTRAINT composite_report_months CHECK (months BETWEEN 1 AND 12)
);

COMMENT ON TABLE composite_report IS 'the yearly figures of each composite as the GIPS standards list them';
COMMENT ON COLUMN composite_report.composite IS 'the composite';
COMMENT ON COLUMN composite_report.fee_basis IS 'which returns dispersion and deviations are of';
COMMENT ON COLUMN composite_report.year IS 'the calendar year; all years since inception, of which a report shows at least five, then ten';
COMMENT ON COLUMN composite_report.period_start IS 'first day of the year''s composite months: later than 1 January in a first year';
COMMENT ON COLUMN composite_report.period_end IS 'last day of the year''s composite months: earlier than 31 December in a last year';
COMMENT ON COLUMN composite_report.months IS 'the months between both';
COMMENT ON COLUMN composite_report.currency IS 'in which the amounts are';
COMMENT ON COLUMN composite_report.gross_return IS 'linked over these months, before fees; never annualised (0.01 is 1 %)';
COMMENT ON COLUMN composite_report.net_return IS 'linked over these months, after fees; never annualised (0.01 is 1 %)';
COMMENT ON COLUMN composite_report.benchmark_return IS 'the benchmark linked over the same months (0.01 is 1 %)';
COMMENT ON COLUMN composite_report.portfolios IS 'portfolios in the composite at the period''s end; five or fewer need not be shown';
COMMENT ON COLUMN composite_report.composite_assets IS 'their market value at the period''s end';
COMMENT ON COLUMN composite_report.firm_assets IS 'the firm''s total assets at the period''s end, in the currency';
COMMENT ON COLUMN composite_report.percentage_of_firm_assets IS 'composite assets / firm assets (0.01 is 1 %)';
COMMENT ON COLUMN composite_report.dispersion_members IS 'portfolios in the composite for all twelve months, of which dispersion is made';
COMMENT ON COLUMN composite_report.dispersion_equal_population IS 'equal-weighted standard deviation of their returns, divisor n (0.01 is 1 %)';
COMMENT ON COLUMN composite_report.dispersion_equal_sample IS 'equal-weighted standard deviation, divisor n - 1 (0.01 is 1 %)';
COMMENT ON COLUMN composite_report.dispersion_asset_population IS 'standard deviation weighted by the values at the year''s start, divisor n (0.01 is 1 %)';
COMMENT ON COLUMN composite_report.dispersion_asset_sample IS 'standard deviation weighted by the values at the year''s start, divisor n - 1 (0.01 is 1 %)';
COMMENT ON COLUMN composite_report.high IS 'highest of their returns (0.01 is 1 %)';
COMMENT ON COLUMN composite_report.low IS 'lowest of their returns (0.01 is 1 %)';
COMMENT ON COLUMN composite_report.upper_quartile IS 'return above which a quarter of them lies (0.01 is 1 %)';
COMMENT ON COLUMN composite_report.median IS 'the middle of their returns (0.01 is 1 %)';
COMMENT ON COLUMN composite_report.lower_quartile IS 'return below which a quarter of them lies (0.01 is 1 %)';
COMMENT ON COLUMN composite_report.three_year_deviation IS 'annualised ex post standard deviation of 36 monthly returns, at the period''s end (0.01 is 1 %)';
COMMENT ON COLUMN composite_report.benchmark_three_year_deviation IS 'the benchmark''s, of the same months (0.01 is 1 %)';

CREATE TABLE IF NOT EXISTS statistics_pending (
    data_source text NOT NULL,
    account_id text NOT NULL,
    first_date date NOT NULL,
    noted_no bigint NOT NULL DEFAULT nextval('statistics_numbers'),
    PRIMARY KEY (data_source, account_id)
);

COMMENT ON TABLE statistics_pending IS 'accounts whose published rows changed after their statistics were computed';
COMMENT ON COLUMN statistics_pending.first_date IS 'the first day that changed';
COMMENT ON COLUMN statistics_pending.noted_no IS 'raised by each change, so that one which comes while statistics are computed stays';

CREATE TABLE IF NOT EXISTS computed_from (
    subject text PRIMARY KEY,
    basis text NOT NULL,
    number bigint NOT NULL,
    computed_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE computed_from IS 'by what the figures above the account were computed last';
COMMENT ON COLUMN computed_from.subject IS 'the vendor whose accounts they are, after "accounts of ", or composites';
COMMENT ON COLUMN computed_from.basis IS 'the conventions, or the digest of the composites'' files; where it is another now, all is computed again';
COMMENT ON COLUMN computed_from.number IS 'raised by each computation of accounts; of composites that of the accounts they were made of';

-- What was published before is computed once.
INSERT INTO statistics_pending (data_source, account_id, first_date)
SELECT data_source, account_id, first_as_of_date FROM accounts WHERE first_as_of_date IS NOT NULL
ON CONFLICT DO NOTHING;
