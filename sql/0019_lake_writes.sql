-- depends: 0018_landing_numbers
-- What a run writes to the lake of a pipeline, from before the first file until the run has confirmed that the pipeline was its own all the
-- while. What is left of a run that has ended may have come between what another wrote.

CREATE TABLE IF NOT EXISTS lake_writes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    vendor text NOT NULL,
    first_date date NOT NULL,
    last_date date NOT NULL CHECK (last_date >= first_date),
    run_id text NOT NULL,
    begun_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE lake_writes IS 'windows of a pipeline that a run writes to the lake now, or did not write to the end';
COMMENT ON COLUMN lake_writes.run_id IS 'the run; once it has ended, its windows are computed again';

GRANT SELECT, INSERT, DELETE ON lake_writes TO advisory_perf_writer;
