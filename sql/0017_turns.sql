-- depends: 0015_functions_of_roles
-- Fencing tokens: each taking of a lock gets a higher one, and who writes under a lock compares its own in the same transaction.

CREATE SEQUENCE IF NOT EXISTS turn_tokens;

CREATE TABLE IF NOT EXISTS turns (
    subject text PRIMARY KEY,
    token bigint NOT NULL,
    holder text NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE turns IS 'who took a lock last: a process whose token is not this one has lost it, whatever it remembers';
COMMENT ON COLUMN turns.subject IS 'what is done by one run at a time, such as the pipeline of a vendor or the ingestion of a delivery';
COMMENT ON COLUMN turns.token IS 'higher with each taking';
COMMENT ON COLUMN turns.holder IS 'host and process that took it';

GRANT SELECT, INSERT, UPDATE, DELETE ON turns TO advisory_perf_writer;
GRANT USAGE ON SEQUENCE turn_tokens TO advisory_perf_writer;
