-- depends: 0028_explained_breaks
-- Breaks as work: who has them, what was said of them, when they were closed; counts of comparisons, so that nothing has to read all results;
-- what a publication changed of what was published; the quality of single deliveries.

CREATE TABLE IF NOT EXISTS reconciliation_totals (
    data_source text NOT NULL,
    as_of_date date NOT NULL,
    field_name text NOT NULL,
    delivery_id text NOT NULL,
    results bigint NOT NULL,
    compared bigint NOT NULL,
    breaks bigint NOT NULL,
    PRIMARY KEY (data_source, as_of_date, field_name, delivery_id),
    CONSTRAINT reconciliation_totals_counts CHECK (0 <= breaks AND breaks <= compared AND compared <= results)
);

CREATE INDEX IF NOT EXISTS reconciliation_totals_delivery ON reconciliation_totals (delivery_id);

COMMENT ON TABLE reconciliation_totals IS 'how many figures of a delivery''s day were compared with the vendor''s, and how many break';

INSERT INTO reconciliation_totals (data_source, as_of_date, field_name, delivery_id, results, compared, breaks)
SELECT r.data_source, r.as_of_date, r.field_name, p.delivery_id, count(*), count(r.within_tolerance),
    count(*) FILTER (WHERE r.within_tolerance IS FALSE)
FROM reconciliation_results AS r
JOIN performance_data AS p ON p.data_source = r.data_source AND p.account_id = r.account_id AND p.as_of_date = r.as_of_date
WHERE NOT EXISTS (SELECT FROM reconciliation_totals)
GROUP BY r.data_source, r.as_of_date, r.field_name, p.delivery_id;

CREATE OR REPLACE VIEW delivery_pass_rates AS
SELECT data_source, delivery_id, compared, breaks, (compared - breaks)::double precision / nullif(compared, 0) AS pass_rate
FROM (
    SELECT data_source, delivery_id, sum(compared)::bigint AS compared, sum(breaks)::bigint AS breaks
    FROM reconciliation_totals
    GROUP BY data_source, delivery_id
) AS counted;

COMMENT ON VIEW delivery_pass_rates IS 'of each delivery''s published figures that were compared, the share within tolerance; null where none was';

CREATE OR REPLACE VIEW data_quality_dashboard AS
WITH deliveries AS (
    SELECT
        vendor,
        count(*) AS deliveries,
        count(*) FILTER (WHERE status = 'RECEIVED') AS deliveries_received,
        count(*) FILTER (WHERE status = 'PROCESSING') AS deliveries_processing,
        count(*) FILTER (WHERE status = 'COMPLETED') AS deliveries_completed,
        count(*) FILTER (WHERE status = 'COMPLETED_WITH_ISSUES') AS deliveries_completed_with_issues,
        count(*) FILTER (WHERE status = 'FAILED') AS deliveries_failed,
        count(*) FILTER (WHERE status = 'DUPLICATE') AS deliveries_duplicate,
        sum(records_read)::bigint AS rows_read,
        sum(records_processed)::bigint AS rows_accepted,
        sum(records_failed)::bigint AS rows_quarantined,
        sum(records_duplicate)::bigint AS rows_duplicate,
        sum(records_footer)::bigint AS rows_footer,
        max(last_as_of_date) FILTER (WHERE status IN ('COMPLETED', 'COMPLETED_WITH_ISSUES')) AS latest_as_of_date,
        max(received_at) AS latest_received_at
    FROM etl_processing_log
    GROUP BY vendor
),
issues AS (
    SELECT
        log.vendor,
        count(*) FILTER (WHERE issue.severity = 'LOW') AS issues_low,
        count(*) FILTER (WHERE issue.severity = 'MEDIUM') AS issues_medium,
        count(*) FILTER (WHERE issue.severity = 'HIGH') AS issues_high,
        count(*) FILTER (WHERE issue.severity = 'CRITICAL') AS issues_critical
    FROM data_quality_issues AS issue
    JOIN etl_processing_log AS log ON log.id = issue.etl_log_id
    GROUP BY log.vendor
),
reconciliation AS (
    SELECT data_source AS vendor, sum(compared)::bigint AS figures_compared, sum(breaks)::bigint AS breaks
    FROM reconciliation_totals
    GROUP BY data_source
)
SELECT
    deliveries.*,
    coalesce(reconciliation.figures_compared, 0) AS figures_compared,
    coalesce(reconciliation.breaks, 0) AS breaks,
    (reconciliation.figures_compared - reconciliation.breaks)::double precision
        / nullif(reconciliation.figures_compared, 0) AS reconciliation_pass_rate,
    coalesce(issues.issues_low, 0) AS issues_low,
    coalesce(issues.issues_medium, 0) AS issues_medium,
    coalesce(issues.issues_high, 0) AS issues_high,
    coalesce(issues.issues_critical, 0) AS issues_critical
FROM deliveries
LEFT JOIN issues ON issues.vendor = deliveries.vendor
LEFT JOIN reconciliation ON reconciliation.vendor = deliveries.vendor;

ALTER TABLE reconciliation_breaks ADD COLUMN IF NOT EXISTS closed_at timestamptz;

UPDATE reconciliation_breaks SET closed_at = updated_at WHERE closed_at IS NULL AND status IN ('RESOLVED', 'RESOLVED_BY_RESTATEMENT');

COMMENT ON COLUMN reconciliation_breaks.closed_at IS 'when the publication that resolved it was made; null while it is not resolved';

CREATE OR REPLACE FUNCTION note_closing() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status NOT IN ('RESOLVED', 'RESOLVED_BY_RESTATEMENT') THEN
        NEW.closed_at = NULL;
    ELSIF NEW.closed_at IS NULL THEN
        NEW.closed_at = now();
    ELSIF TG_OP = 'UPDATE' THEN -- it has ended otherwise than was known
        IF (NEW.status, NEW.resolved_on, NEW.resolved_by_delivery_id) IS DISTINCT FROM (OLD.status, OLD.resolved_on, OLD.resolved_by_delivery_id)
        THEN
            NEW.closed_at = now();
        END IF;
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION note_closing IS 'trigger: closed_at is when the status became one of a break that is over';

CREATE OR REPLACE TRIGGER reconciliation_breaks_closed_at
    BEFORE INSERT OR UPDATE ON reconciliation_breaks FOR EACH ROW EXECUTE FUNCTION note_closing();

CREATE TABLE IF NOT EXISTS break_events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    break_id text NOT NULL,
    data_source text NOT NULL,
    account_id text,
    field_name text NOT NULL,
    event text NOT NULL,
    made_by text NOT NULL,
    owner text,
    comment text,
    made_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT break_events_event CHECK (event IN ('ASSIGNED', 'COMMENTED')),
    CONSTRAINT break_events_comment CHECK (event <> 'COMMENTED' OR comment IS NOT NULL AND owner IS NULL)
);

CREATE INDEX IF NOT EXISTS break_events_break ON break_events (break_id, id);

COMMENT ON TABLE break_events IS 'who was given which break, and what was said of it; only ever added to';
COMMENT ON COLUMN break_events.owner IS 'of ASSIGNED: who has it from then on; null where nobody has';

REVOKE INSERT, UPDATE, DELETE ON break_events FROM advisory_perf_writer;

CREATE OR REPLACE VIEW break_work AS
SELECT
    b.*,
    assigned.owner,
    coalesce(said.comments, 0) AS comments,
    said.latest_comment,
    r.explained_value,
    r.explained_by,
    r.other_causes,
    p.currency
FROM reconciliation_breaks AS b
LEFT JOIN LATERAL (
    SELECT e.owner FROM break_events AS e WHERE e.break_id = b.break_id AND e.event = 'ASSIGNED' ORDER BY e.id DESC LIMIT 1
) AS assigned ON true
LEFT JOIN LATERAL (
    SELECT count(*) AS comments, (array_agg(e.comment ORDER BY e.id DESC))[1] AS latest_comment
    FROM break_events AS e WHERE e.break_id = b.break_id AND e.event = 'COMMENTED'
) AS said ON true
LEFT JOIN reconciliation_results AS r ON r.data_source = b.data_source AND r.account_id = b.account_id
    AND r.as_of_date = b.last_as_of_date AND r.field_name = b.field_name
LEFT JOIN performance_data AS p ON p.data_source = b.data_source AND p.account_id = b.account_id AND p.as_of_date = b.last_as_of_date;

COMMENT ON VIEW break_work IS 'each break with who has it, what was said of it, and what its likely cause gives';

CREATE OR REPLACE VIEW break_history AS
SELECT break_id, created_at AS made_at, 'FOUND' AS event, NULL::text AS made_by, NULL::text AS owner, NULL::text AS comment
FROM reconciliation_breaks
UNION ALL
SELECT break_id, made_at, event, made_by, owner, comment FROM break_events
UNION ALL
SELECT break_id, signed_off_at, 'SIGNED_OFF', signed_off_by, NULL, reason FROM break_sign_offs
UNION ALL
SELECT break_id, closed_at, status, NULL, NULL, resolved_by_delivery_id FROM reconciliation_breaks WHERE closed_at IS NOT NULL;

COMMENT ON VIEW break_history IS 'what happened to each break and who did it; made_by is null where a publication did';

ALTER TABLE etl_processing_log ADD COLUMN IF NOT EXISTS records_restated bigint NOT NULL DEFAULT 0;

COMMENT ON COLUMN etl_processing_log.records_restated IS 'of records_updated those that gave another figure than the row before';

CREATE TABLE IF NOT EXISTS restatements (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    data_source text NOT NULL,
    delivery_id text,
    field_name text NOT NULL,
    first_as_of_date date NOT NULL,
    last_as_of_date date NOT NULL,
    changed bigint NOT NULL,
    accounts bigint NOT NULL,
    largest_change numeric(38, 12),
    largest_account_id text NOT NULL,
    largest_as_of_date date NOT NULL,
    published_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX IF NOT EXISTS restatements_vendor ON restatements (data_source, published_at);

COMMENT ON TABLE restatements IS 'what a publication changed of figures that were published before, by delivery and field; only ever added to';
COMMENT ON COLUMN restatements.delivery_id IS
    'the delivery whose rows took the place of others; null where rows changed that stay in their delivery, as earlier days or the feed did';
COMMENT ON COLUMN restatements.field_name IS 'the column of performance_data; withdrawn where the row is published no more';
COMMENT ON COLUMN restatements.largest_change IS 'new figure less old one where that is largest; null where one change has no size';

CREATE TABLE IF NOT EXISTS delivery_quality_shares (
    feed text NOT NULL,
    as_of_date date NOT NULL,
    delivery_id text NOT NULL,
    dimension text NOT NULL,
    numerator bigint NOT NULL,
    denominator bigint NOT NULL,
    PRIMARY KEY (feed, as_of_date, delivery_id, dimension),
    CONSTRAINT delivery_quality_shares_share CHECK (numerator BETWEEN 0 AND denominator)
);

CREATE INDEX IF NOT EXISTS delivery_quality_shares_delivery ON delivery_quality_shares (feed, delivery_id);

COMMENT ON TABLE delivery_quality_shares IS 'what the quality scores of a feed''s days and deliveries are counted from';
COMMENT ON COLUMN delivery_quality_shares.delivery_id IS 'empty where it was counted by day only, before there were scores of deliveries';

INSERT INTO delivery_quality_shares (feed, as_of_date, delivery_id, dimension, numerator, denominator)
SELECT feed, as_of_date, '', dimension, numerator, denominator FROM data_quality_scores
WHERE dimension <> 'TOTAL' AND denominator > 0 AND NOT EXISTS (SELECT FROM delivery_quality_shares);

CREATE TABLE IF NOT EXISTS delivery_quality_scores (
    feed text NOT NULL,
    delivery_id text NOT NULL,
    dimension text NOT NULL,
    numerator bigint,
    denominator bigint,
    score double precision,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (delivery_id, dimension),
    CONSTRAINT delivery_quality_scores_dimension CHECK (
        dimension IN ('COMPLETENESS', 'VALIDITY', 'UNIQUENESS', 'CONSISTENCY', 'TIMELINESS', 'ACCURACY', 'TOTAL')
    ),
    CONSTRAINT delivery_quality_scores_share CHECK (numerator BETWEEN 0 AND denominator),
    CONSTRAINT delivery_quality_scores_score CHECK (score BETWEEN 0 AND 100)
);

CREATE INDEX IF NOT EXISTS delivery_quality_scores_feed ON delivery_quality_scores (feed);

COMMENT ON TABLE delivery_quality_scores IS 'how good the rows of a delivery are, by dimension and in total, over all its days';
COMMENT ON COLUMN delivery_quality_scores.score IS '100 * numerator / denominator; null where there is nothing to count';
