-- depends: 0020_taken_up_by
-- What a run writes to the lake of a delivery, from before the first row until the ledger says that it has been ingested. A run that ends in
-- between leaves rows that the ledger does not know, or an older run's among those of a newer one.

CREATE TABLE IF NOT EXISTS landing_writes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    vendor text NOT NULL,
    delivery_id text NOT NULL,
    run_id text,
    begun_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX IF NOT EXISTS landing_writes_delivery ON landing_writes (delivery_id);

COMMENT ON TABLE landing_writes IS 'deliveries whose rows in the lake a run writes now, or wrote without saying so in the ledger';
COMMENT ON COLUMN landing_writes.run_id IS 'the run; null once it has ended, and the delivery is to be ingested again';

GRANT SELECT, INSERT, DELETE ON landing_writes TO advisory_perf_writer;
