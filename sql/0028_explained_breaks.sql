-- depends: 0027_data_quality_scores
-- A break is explained: the figure that its likely cause gives, how that is said in the feed or in words, and other causes that give it too.

ALTER TABLE reconciliation_results
    ADD COLUMN IF NOT EXISTS explained_value numeric(38, 12),
    ADD COLUMN IF NOT EXISTS explained_by text,
    ADD COLUMN IF NOT EXISTS other_causes text;

ALTER TABLE reconciliation_results DROP CONSTRAINT IF EXISTS reconciliation_results_cause;

DO $$
DECLARE
    part regclass;
BEGIN
    FOR part IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'reconciliation_results'::regclass LOOP
        EXECUTE 'ALTER TABLE ' || part || ' DROP CONSTRAINT IF EXISTS reconciliation_results_cause';
    END LOOP;
END
$$;

ALTER TABLE reconciliation_results ADD CONSTRAINT reconciliation_results_cause CHECK (
    likely_cause IN (
        'FLOW_TIMING', 'FEE_BASIS', 'PERCENT_SCALE', 'ROUNDING', 'ROLL_FORWARD', 'MISSING_FLOW', 'DOUBLED_FLOW', 'DOUBLED_FEES', 'INCOME',
        'DAY_SHIFT', 'CURRENCY_RATE', 'SIGN', 'UNDEFINED_BASE', 'MONEY_WEIGHTED', 'STALE', 'OUTLIER', 'SYSTEMATIC', 'UNEXPLAINED'
    )
);

COMMENT ON COLUMN reconciliation_results.explained_value IS 'what our figure would be if the likely cause were put right';
COMMENT ON COLUMN reconciliation_results.explained_by IS 'the likely cause in words, or the key of the feed that would close the break';
COMMENT ON COLUMN reconciliation_results.other_causes IS 'further causes that would give the vendor''s figure too, the simplest first';
