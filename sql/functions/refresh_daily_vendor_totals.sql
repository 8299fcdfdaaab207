CREATE OR REPLACE FUNCTION refresh_daily_vendor_totals() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    REFRESH MATERIALIZED VIEW CONCURRENTLY public.daily_vendor_totals;
    PERFORM raise_data_version();
END
$$;

COMMENT ON FUNCTION refresh_daily_vendor_totals IS 'brings daily_vendor_totals up to date; readers see the old totals until the transaction ends';

REVOKE ALL ON FUNCTION refresh_daily_vendor_totals FROM PUBLIC;

GRANT EXECUTE ON FUNCTION refresh_daily_vendor_totals TO advisory_perf_writer;
