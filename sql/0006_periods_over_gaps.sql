-- depends: 0005_reporting
-- Which of a row's period returns were linked over an undefined one, and where trailing ones start from. Net returns do not ask for fees, and on a funding day the
-- timing that has its inflow at the start already keeps its outflow at the end.

ALTER TABLE performance_data
    ADD COLUMN IF NOT EXISTS twrr_mtd_over_gap boolean,
    ADD COLUMN IF NOT EXISTS twrr_qtd_over_gap boolean,
    ADD COLUMN IF NOT EXISTS twrr_ytd_over_gap boolean,
    ADD COLUMN IF NOT EXISTS twrr_1y_over_gap boolean,
    ADD COLUMN IF NOT EXISTS twrr_3y_over_gap boolean,
    ADD COLUMN IF NOT EXISTS twrr_5y_over_gap boolean,
    ADD COLUMN IF NOT EXISTS twrr_1y_from date,
    ADD COLUMN IF NOT EXISTS twrr_3y_from date,
    ADD COLUMN IF NOT EXISTS twrr_5y_from date;

ALTER TABLE performance_data_history
    ADD COLUMN IF NOT EXISTS twrr_mtd_over_gap boolean,
    ADD COLUMN IF NOT EXISTS twrr_qtd_over_gap boolean,
    ADD COLUMN IF NOT EXISTS twrr_ytd_over_gap boolean,
    ADD COLUMN IF NOT EXISTS twrr_1y_over_gap boolean,
    ADD COLUMN IF NOT EXISTS twrr_3y_over_gap boolean,
    ADD COLUMN IF NOT EXISTS twrr_5y_over_gap boolean,
    ADD COLUMN IF NOT EXISTS twrr_1y_from date,
    ADD COLUMN IF NOT EXISTS twrr_3y_from date,
    ADD COLUMN IF NOT EXISTS twrr_5y_from date;

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
    minimum_base numeric DEFAULT NULL
) RETURNS double precision
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    flow numeric := contributions - distributions;
    closing numeric := emv;
    base numeric;
    gain numeric;
    smallest_base numeric := minimum_base;
BEGIN
    IF timing NOT IN ('start_of_day', 'end_of_day', 'mid_day', 'inflow_start_outflow_end', 'weighted') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'unknown flow timing ' || quote_literal(timing)
            || '; say start_of_day, end_of_day, mid_day, inflow_start_outflow_end or weighted';
    END IF;
    IF weight < 0 OR weight > 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'the weight ' || weight || ' has to be from 0 to 1';
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

    IF timing = 'start_of_day' OR (bmv = 0 AND flow > 0 AND timing <> 'inflow_start_outflow_end') THEN
        base := bmv + flow;
        gain := closing - base;
    ELSIF timing = 'end_of_day' THEN
        base := bmv;
        gain := closing - flow - base;
    ELSIF timing = 'mid_day' THEN
        base := 2 * bmv + flow;
        gain := 2 * (closing - bmv - flow);
        smallest_base := 2 * minimum_base;
    ELSIF timing = 'inflow_start_outflow_end' THEN
        base := bmv + contributions;
        gain := closing + distributions - base;
    ELSE
        base := bmv + weight * flow;
        gain := closing - bmv - flow;
    END IF;

    IF base <= 0 OR base < smallest_base OR gain < -base THEN
        RETURN NULL;
    END IF;
    RETURN gain::double precision / base::double precision;
END
$$;

COMMENT ON FUNCTION single_period_twrr(numeric, numeric, numeric, numeric, numeric, text, text, numeric, numeric) IS
    'return between two consecutive valuations, 0.01 is 1 percent; null without a positive base or beyond a total loss';
