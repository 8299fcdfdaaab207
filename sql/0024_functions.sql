-- depends: 0022_words
-- Which text of each script in functions/ was applied last: one that differs is applied again.

CREATE TABLE IF NOT EXISTS sql_functions (
    name text PRIMARY KEY,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE sql_functions IS 'the scripts of sql/functions as they were applied last';

REVOKE INSERT, UPDATE, DELETE ON sql_functions FROM advisory_perf_writer;
