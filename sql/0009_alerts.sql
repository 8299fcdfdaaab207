-- depends: 0008_life_of_a_break
-- The outbox of alerts, and the days of each delivery, by which a missing file is reported.

CREATE TABLE IF NOT EXISTS delivered_days (
    etl_log_id bigint NOT NULL REFERENCES etl_processing_log (id) ON DELETE CASCADE,
    as_of_date date NOT NULL,
    PRIMARY KEY (etl_log_id, as_of_date)
);

COMMENT ON TABLE delivered_days IS 'the as-of dates on which an ingested delivery has a position';

-- What was ingested before this table was there: the days that were published of it, and its first and last.
INSERT INTO delivered_days (etl_log_id, as_of_date)
SELECT log.id, known.as_of_date
FROM etl_processing_log AS log
JOIN (
    SELECT data_source, delivery_id, as_of_date FROM performance_data
    UNION
    SELECT data_source, delivery_id, as_of_date FROM performance_data_history
    UNION
    SELECT vendor, delivery_id, first_as_of_date FROM etl_processing_log
    UNION
    SELECT vendor, delivery_id, last_as_of_date FROM etl_processing_log
) AS known ON known.data_source = log.vendor AND known.delivery_id = log.delivery_id
WHERE log.status IN ('PROCESSING', 'COMPLETED', 'COMPLETED_WITH_ISSUES') AND known.as_of_date IS NOT NULL
ON CONFLICT DO NOTHING;

-- A file that was rejected and put into incoming/ again counts by its latest arrival; whether it was in time, its first one says.
ALTER TABLE etl_processing_log ADD COLUMN IF NOT EXISTS first_received_at timestamptz;

COMMENT ON COLUMN etl_processing_log.first_received_at IS 'when this very file came first; null where it came once';

CREATE TABLE IF NOT EXISTS alerts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_key text NOT NULL,
    code text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('LOW', 'MEDIUM', 'HIGH', 'CRITICAL')),
    vendor text NOT NULL,
    etl_log_id bigint REFERENCES etl_processing_log (id) ON DELETE SET NULL,
    delivery_id text,
    window_start date,
    since timestamptz NOT NULL,
    subject text NOT NULL,
    message text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    resolved_at timestamptz,
    resolved_by_person boolean NOT NULL DEFAULT false,
    sent_at timestamptz,
    sent_to text,
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    last_error text
);

-- One alert a trouble while it lasts; a trouble that comes back gets another one, with an id of its own.
CREATE UNIQUE INDEX IF NOT EXISTS alerts_open ON alerts (alert_key) WHERE resolved_at IS NULL;

CREATE INDEX IF NOT EXISTS alerts_key ON alerts (alert_key);

CREATE INDEX IF NOT EXISTS alerts_waiting ON alerts (next_attempt_at, id) WHERE sent_at IS NULL;

CREATE INDEX IF NOT EXISTS alerts_delivery ON alerts (etl_log_id);

COMMENT ON TABLE alerts IS 'what broke, since when and why; those without sent_at wait to be sent';

COMMENT ON COLUMN alerts.alert_key IS 'what it is about: two open alerts never have the same';

COMMENT ON COLUMN alerts.window_start IS 'first day of the window that a missing or late file is of';

COMMENT ON COLUMN alerts.since IS 'when the trouble began: the arrival, the deadline, the first failed run';

COMMENT ON COLUMN alerts.resolved_at IS 'when it was over, or a person said so';

COMMENT ON COLUMN alerts.resolved_by_person IS 'a person said so; a missing file is not reported again then';

COMMENT ON COLUMN alerts.sent_to IS 'the channel that took it, without user, password or path';

COMMENT ON COLUMN alerts.last_error IS 'why the last attempt to send it failed';

CREATE OR REPLACE VIEW open_alerts AS
SELECT id, code, severity, vendor, delivery_id, window_start, since, subject, message, created_at, sent_at, attempts, last_error
FROM alerts
WHERE resolved_at IS NULL;

COMMENT ON VIEW open_alerts IS 'the troubles that are not over';
