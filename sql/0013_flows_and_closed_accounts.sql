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

-- As sub_period_returns in advisory_perf.performance has it. Numerator and base are exact; only the last step divides in double precision.
CREATE OR REPLACE FUNCTION single_period_twrr(
    bmv numeric,
    contributions numeric,
    distributions numeric,
    fees numeric,
    emv numeric,
    timing text,
    fee_basis text,
    weight numeric DEFAULT NULL,
    minimum_base numeric DEFAULT NULL,
    residual_base numeric DEFAULT 0
) RETURNS double precision
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    flow numeric := contributions - distributions;
    closing numeric := emv;
    keeps_sides boolean := timing = 'inflow_start_outflow_end';
    crossed numeric := CASE WHEN keeps_sides THEN greatest(contributions, distributions) ELSE abs(flow) END;
    share numeric := coalesce(residual_base, 0);
    scale integer := 1;
    base numeric;
    gain numeric;
BEGIN
    IF timing NOT IN ('start_of_day', 'end_of_day', 'mid_day', 'inflow_start_outflow_end', 'weighted') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'unknown flow timing ' || quote_literal(timing)
            || '; say start_of_day, end_of_day, mid_day, inflow_start_outflow_end or weighted';
    END IF;
    IF fee_basis NOT IN ('net', 'gross') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'unknown fee basis ' || quote_literal(fee_basis)
            || '; say net or gross';
    END IF;
    IF bmv IS NULL OR flow IS NULL OR emv IS NULL OR (fee_basis = 'gross' AND fees IS NULL) OR timing IS NULL OR fee_basis IS NULL
        OR (timing = 'weighted' AND weight IS NULL) THEN
        RETURN NULL;
    END IF;
    IF fee_basis = 'gross' THEN
        closing := emv + fees;
    END IF;

    IF timing = 'start_of_day' THEN
        base := bmv + flow;
        gain := closing - base;
    ELSIF timing = 'end_of_day' THEN
        base := bmv;
        gain := closing - flow - base;
    ELSIF timing = 'mid_day' THEN
        scale := 2;
        base := 2 * bmv + flow;
        gain := 2 * (closing - bmv - flow);
    ELSIF keeps_sides THEN
        base := bmv + contributions;
        gain := closing + distributions - base;
    ELSE
        base := bmv + weight * flow;
        gain := closing - bmv - flow;
    END IF;

    IF NOT keeps_sides AND flow > 0 AND abs(bmv) <= share * flow THEN
        scale := 1;
        base := bmv + flow;
        gain := closing - base;
    ELSIF flow < 0 AND ((NOT keeps_sides AND abs(emv) <= share * -flow) OR (emv >= 0 AND abs(base) <= share * -flow * scale)) THEN
        scale := 1;
        base := bmv;
        gain := closing - flow - base;
    END IF;

    IF base <= share * crossed * scale OR base < minimum_base * scale OR gain < -base THEN
        RETURN NULL;
    END IF;
    RETURN gain::double precision / base::double precision;
END
$$;

COMMENT ON FUNCTION single_period_twrr IS
    'return between two consecutive valuations, 0.01 is 1 percent; null without a positive base, beside whose flow it is more than the residual share, or beyond a total loss';
