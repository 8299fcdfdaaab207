-- depends: 0026_delivery_profiles
-- How good what a feed delivers is, day by day: one row a dimension, with what it was counted from. What a delivery has of each day is kept
-- with its ingestion, since duplicates are in no table. Deliveries of before have no counts, until they are ingested again.

CREATE TABLE IF NOT EXISTS delivery_day_counts (
    etl_log_id bigint NOT NULL REFERENCES etl_processing_log (id) ON DELETE CASCADE,
    as_of_date date NOT NULL,
    accepted bigint NOT NULL CHECK (accepted >= 0),
    quarantined bigint NOT NULL CHECK (quarantined >= 0),
    conflicting bigint NOT NULL CHECK (conflicting >= 0),
    duplicate bigint NOT NULL CHECK (duplicate >= 0),
    PRIMARY KEY (etl_log_id, as_of_date)
);

COMMENT ON TABLE delivery_day_counts IS 'how many rows of each day an ingested delivery has, and what became of them';
COMMENT ON COLUMN delivery_day_counts.conflicting IS 'those of the quarantined rows whose key two different rows claim';

CREATE TABLE IF NOT EXISTS data_quality_scores (
    feed text NOT NULL,
    as_of_date date NOT NULL,
    dimension text NOT NULL,
    numerator bigint,
    denominator bigint,
    score double precision,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (feed, as_of_date, dimension),
    CONSTRAINT data_quality_scores_dimension CHECK (
        dimension IN ('COMPLETENESS', 'VALIDITY', 'UNIQUENESS', 'CONSISTENCY', 'TIMELINESS', 'ACCURACY', 'TOTAL')
    ),
    CONSTRAINT data_quality_scores_share CHECK (numerator BETWEEN 0 AND denominator),
    CONSTRAINT data_quality_scores_score CHECK (score BETWEEN 0 AND 100)
);

COMMENT ON TABLE data_quality_scores IS 'how good the rows of a feed''s day are, by dimension and in total';
COMMENT ON COLUMN data_quality_scores.score IS '100 * numerator / denominator; null where there is nothing to count';

CREATE OR REPLACE VIEW data_quality_trend AS
SELECT
    feed,
    as_of_date,
    dimension,
    score,
    score - lag(score) OVER by_day AS change,
    avg(score) OVER (by_day ROWS BETWEEN 19 PRECEDING AND CURRENT ROW) AS mean_of_20_days,
    min(score) OVER (by_day ROWS BETWEEN 19 PRECEDING AND CURRENT ROW) AS least_of_20_days
FROM data_quality_scores
WINDOW by_day AS (PARTITION BY feed, dimension ORDER BY as_of_date);

COMMENT ON VIEW data_quality_trend IS 'each score beside the day before it, and the mean and the least of the last 20 days';
