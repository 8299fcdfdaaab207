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

REVOKE ALL ON FUNCTION single_period_twrr FROM PUBLIC;

GRANT EXECUTE ON FUNCTION single_period_twrr TO advisory_perf_writer, advisory_perf_reader;
