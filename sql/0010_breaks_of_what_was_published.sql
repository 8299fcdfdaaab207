-- depends: 0009_alerts
-- The breaks of what was published before there was their table. Publications of a vendor wait for its part, readers do not.

DO $$
DECLARE
    vendor text;
BEGIN
    FOR vendor IN SELECT DISTINCT data_source FROM accounts ORDER BY data_source LOOP
        PERFORM pg_advisory_xact_lock(hashtextextended('publish ' || vendor, 0));
        PERFORM bring_breaks_up_to_date(vendor, '-infinity', 'infinity');
    END LOOP;
END
$$;

-- Last, since new partitions wait for it; reading and writing of the results go on.
ALTER TABLE reconciliation_results VALIDATE CONSTRAINT reconciliation_results_cause;
