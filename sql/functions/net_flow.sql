CREATE OR REPLACE FUNCTION net_flow(contributions numeric, distributions numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN contributions - distributions;

COMMENT ON FUNCTION net_flow IS 'what crossed the account''s boundary: contributions - distributions';

REVOKE ALL ON FUNCTION net_flow FROM PUBLIC;

GRANT EXECUTE ON FUNCTION net_flow TO advisory_perf_writer, advisory_perf_reader;
