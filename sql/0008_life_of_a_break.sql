-- depends: 0007_life_of_a_delivery
-- The life of a break: since when it is there, what a person has said of it, what ended it; and breaks of whole deliveries.

-- The issues of quarantined rows have a line number; those that a pipeline finds belong to an account-date or a whole delivery.
CREATE INDEX IF NOT EXISTS data_quality_issues_of_lanes ON data_quality_issues (as_of_date) WHERE line_number IS NULL;

COMMENT ON TABLE data_quality_issues IS
    'what was wrong in a delivery: its quarantined rows, whole, with code and reason; and, without line_number, what its pipeline has found';

CREATE TABLE IF NOT EXISTS delivery_factors (
    data_source text NOT NULL,
    delivery_id text NOT NULL,
    as_of_date date NOT NULL,
    field_name text NOT NULL,
    factor numeric(38, 12) NOT NULL,
    accounts bigint NOT NULL,
    accounts_compared bigint NOT NULL,
    PRIMARY KEY (data_source, as_of_date, field_name, delivery_id),
    CONSTRAINT delivery_factors_field CHECK (field_name IN ('beginning_market_value', 'ending_market_value', 'net_flow'))
);

COMMENT ON TABLE delivery_factors IS 'figures of a delivery that are off by one factor on a day, with how many accounts break because of it';

CREATE TABLE IF NOT EXISTS break_sign_offs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    break_id text NOT NULL,
    data_source text NOT NULL,
    account_id text,
    field_name text NOT NULL,
    as_of_date date NOT NULL,
    variance numeric(38, 12),
    vendor_value numeric(38, 12),
    factor numeric(38, 12),
    signed_off_by text NOT NULL,
    reason text NOT NULL,
    signed_off_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX IF NOT EXISTS break_sign_offs_figure ON break_sign_offs (data_source, account_id, field_name);

COMMENT ON TABLE break_sign_offs IS 'what a person has accepted: one break and the amount that it had at a valuation; never changed';

CREATE TABLE IF NOT EXISTS reconciliation_breaks (
    break_id text PRIMARY KEY,
    data_source text NOT NULL,
    account_id text,
    field_name text NOT NULL,
    status text NOT NULL,
    first_as_of_date date NOT NULL,
    last_as_of_date date NOT NULL,
    valuations bigint NOT NULL,
    age_days integer NOT NULL GENERATED ALWAYS AS (last_as_of_date - first_as_of_date) STORED,
    calculated_value numeric(38, 12),
    vendor_value numeric(38, 12),
    variance numeric(38, 12),
    first_variance numeric(38, 12),
    tolerance_threshold numeric(38, 12) NOT NULL,
    factor numeric(38, 12),
    accounts bigint,
    likely_cause text,
    delivery_id text,
    resolved_on date,
    resolved_by_delivery_id text,
    signed_off_break_id text,
    signed_off_by text,
    signed_off_at timestamptz,
    signed_off_variance numeric(38, 12),
    signed_off_reason text,
    named_on date NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT reconciliation_breaks_status CHECK (status IN ('OPEN', 'SIGNED_OFF', 'RESOLVED', 'RESOLVED_BY_RESTATEMENT')),
    CONSTRAINT reconciliation_breaks_days CHECK (first_as_of_date <= last_as_of_date)
);

CREATE INDEX IF NOT EXISTS reconciliation_breaks_figure
    ON reconciliation_breaks (data_source, account_id, field_name, first_as_of_date);

CREATE INDEX IF NOT EXISTS reconciliation_breaks_resolved ON reconciliation_breaks (data_source, resolved_on);

COMMENT ON TABLE reconciliation_breaks IS
    'one row a break: an unbroken run of valuations at which one figure of an account is outside its tolerance';

COMMENT ON COLUMN reconciliation_breaks.break_id IS 'stays as long as the break goes on, also where a late or restated valuation moves its first day';

COMMENT ON COLUMN reconciliation_breaks.account_id IS 'null where one factor puts the figure of a whole delivery off';

COMMENT ON COLUMN reconciliation_breaks.status IS 'RESOLVED: the next compared valuation passes, RESOLVED_BY_RESTATEMENT: one at which it broke was restated or withdrawn';

COMMENT ON COLUMN reconciliation_breaks.valuations IS 'at how many valuations the figure is outside its tolerance';

COMMENT ON COLUMN reconciliation_breaks.variance IS 'at the latest of them, as are the values, the threshold, the cause and the delivery';

COMMENT ON COLUMN reconciliation_breaks.factor IS 'of a whole delivery: the vendor''s figure over ours; its tolerance_threshold is a share of it';

COMMENT ON COLUMN reconciliation_breaks.accounts IS 'of a whole delivery: how many accounts break because of it';

COMMENT ON COLUMN reconciliation_breaks.resolved_on IS 'as-of date of the valuation that ended it';

COMMENT ON COLUMN reconciliation_breaks.resolved_by_delivery_id IS 'the delivery which that valuation came in; null where it was withdrawn';

COMMENT ON COLUMN reconciliation_breaks.signed_off_break_id IS
    'the break whose sign-off holds for this one too; or, of an open break, its own whose amount no longer is the break''s';

COMMENT ON COLUMN reconciliation_breaks.named_on IS 'the as-of date that break_id is made from';

CREATE OR REPLACE TRIGGER reconciliation_breaks_updated_at
    BEFORE UPDATE ON reconciliation_breaks FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE OR REPLACE FUNCTION break_id_of(vendor text, subject text, field_name text, day date, again integer) RETURNS text
LANGUAGE sql STABLE
RETURN 'B-' || left(encode(sha256(convert_to(jsonb_build_array(vendor, subject, field_name, day, again)::text, 'UTF8')), 'hex'), 16);

COMMENT ON FUNCTION break_id_of IS 'the name of a break that began on the day; again counts up where another break of that figure has the name';

CREATE OR REPLACE FUNCTION free_break_id(vendor text, subject text, field_name text, day date) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    again integer := 0;
    name text := break_id_of(vendor, subject, field_name, day, 0);
BEGIN
    WHILE EXISTS (SELECT FROM reconciliation_breaks AS b WHERE b.break_id = name) LOOP
        again := again + 1;
        name := break_id_of(vendor, subject, field_name, day, again);
    END LOOP;
    RETURN name;
END
$$;

COMMENT ON FUNCTION free_break_id IS 'the first name for a break that began on the day which no break has';

-- Makes reconciliation_breaks say what reconciliation_results, delivery_factors and break_sign_offs do, after the results of the days
-- have changed. Only figures that break on these days, or whose break reaches into them, are looked at, each from its last good
-- valuation before the days to the first one after them. A break whose latest valuation lies before the days goes on from there as it is
-- stored, and its earlier ones are not read: what lies before the days has not changed since it was stored. A valuation without
-- comparison says nothing, and one that a whole delivery's factor puts off says nothing of its account. The subject of a break is its
-- account, or the empty text for the whole delivery. To compile the statements would take longer than to run them.
CREATE OR REPLACE FUNCTION bring_breaks_up_to_date(of_vendor text, first_day date, last_day date) RETURNS void
LANGUAGE plpgsql SET jit = off AS $$
DECLARE
    from_day date;
    to_day date;
BEGIN
    CREATE TEMP TABLE break_keys ON COMMIT DROP AS
    SELECT account_id AS subject, field_name
    FROM reconciliation_results
    WHERE data_source = of_vendor AND as_of_date BETWEEN first_day AND last_day
        AND within_tolerance IS FALSE AND likely_cause IS DISTINCT FROM 'SYSTEMATIC'
    UNION
    SELECT coalesce(account_id, ''), field_name
    FROM reconciliation_breaks
    WHERE data_source = of_vendor AND first_as_of_date <= last_day AND (resolved_on IS NULL OR resolved_on >= first_day)
    UNION
    SELECT '', field_name FROM delivery_factors WHERE data_source = of_vendor AND as_of_date BETWEEN first_day AND last_day;
    IF NOT EXISTS (SELECT FROM break_keys) THEN
        DROP TABLE break_keys;
        RETURN;
    END IF;
    ANALYZE break_keys;

    -- after_day is that good valuation, or the day before the stored break's latest valuation: its first, how many there were before the
    -- latest, and its first variance are those of the run that begins with it.
    CREATE TEMP TABLE break_sections ON COMMIT DROP AS
    WITH known AS (
        SELECT key.subject, key.field_name, b.break_id, b.first_as_of_date, b.last_as_of_date, b.valuations - 1 AS earlier, b.first_variance
        FROM break_keys AS key
        LEFT JOIN reconciliation_breaks AS b ON b.data_source = of_vendor AND coalesce(b.account_id, '') = key.subject
            AND b.field_name = key.field_name AND b.last_as_of_date < first_day AND (b.resolved_on IS NULL OR b.resolved_on >= first_day)
    )
    SELECT known.*, coalesce(known.last_as_of_date - 1, before.as_of_date, '-infinity') AS after_day,
        coalesce(behind.as_of_date, 'infinity') AS until_day
    FROM known
    LEFT JOIN LATERAL (
        SELECT r.as_of_date FROM reconciliation_results AS r
        WHERE known.break_id IS NULL AND r.data_source = of_vendor AND r.account_id = known.subject AND r.field_name = known.field_name
            AND r.as_of_date < first_day AND r.within_tolerance
        ORDER BY r.as_of_date DESC LIMIT 1
    ) AS before ON true
    LEFT JOIN LATERAL (
        SELECT r.as_of_date FROM reconciliation_results AS r
        WHERE r.data_source = of_vendor AND r.account_id = known.subject AND r.field_name = known.field_name
            AND r.as_of_date > last_day AND r.within_tolerance
        ORDER BY r.as_of_date LIMIT 1
    ) AS behind ON true
    WHERE known.subject <> ''
    UNION ALL
    SELECT known.*, coalesce(known.last_as_of_date, reaching.first_as_of_date, first_day) - 1, 'infinity'
    FROM known
    LEFT JOIN LATERAL (
        SELECT least(first_day, min(b.first_as_of_date)) AS first_as_of_date FROM reconciliation_breaks AS b
        WHERE b.data_source = of_vendor AND b.account_id IS NULL AND b.field_name = known.field_name
            AND b.first_as_of_date <= last_day AND (b.resolved_on IS NULL OR b.resolved_on >= first_day)
    ) AS reaching ON true
    WHERE known.subject = '';
    ANALYZE break_sections;

    SELECT min(after_day), max(until_day) INTO from_day, to_day FROM break_sections WHERE subject <> '';
    CREATE TEMP TABLE break_outcomes ON COMMIT DROP AS
    SELECT section.subject, section.field_name, r.as_of_date, NOT r.within_tolerance AS is_break, r.calculated_value, r.vendor_value,
        r.variance, r.tolerance_threshold, r.likely_cause, NULL::numeric AS factor, NULL::bigint AS accounts, NULL::text AS delivery_id
    FROM break_sections AS section
    JOIN reconciliation_results AS r ON r.data_source = of_vendor AND r.account_id = section.subject AND r.field_name = section.field_name
        AND r.as_of_date > section.after_day AND r.as_of_date <= section.until_day
    WHERE section.subject <> '' AND r.as_of_date > from_day AND r.as_of_date <= to_day
        AND r.within_tolerance IS NOT NULL AND r.likely_cause IS DISTINCT FROM 'SYSTEMATIC';
    SELECT min(after_day) INTO from_day FROM break_sections WHERE subject = '';
    INSERT INTO break_outcomes
    SELECT '', section.field_name, day.as_of_date, most.factor IS NOT NULL, NULL, NULL, NULL, 0.00001, 'SYSTEMATIC',
        most.factor, most.accounts, most.delivery_id
    FROM break_sections AS section
    JOIN (SELECT DISTINCT as_of_date FROM performance_data WHERE data_source = of_vendor AND as_of_date > from_day) AS day
        ON day.as_of_date > section.after_day
    LEFT JOIN LATERAL (
        SELECT f.factor, sum(f.accounts) OVER () AS accounts, f.delivery_id FROM delivery_factors AS f
        WHERE f.data_source = of_vendor AND f.as_of_date = day.as_of_date AND f.field_name = section.field_name
        ORDER BY f.accounts DESC, f.delivery_id LIMIT 1
    ) AS most ON true
    WHERE section.subject = '';
    ANALYZE break_outcomes;

    -- A good valuation ends the run before it and so counts to that one.
    CREATE TEMP TABLE break_runs ON COMMIT DROP AS
    WITH counted AS (
        SELECT subject, field_name, as_of_date, is_break, count(*) FILTER (WHERE NOT is_break)
            OVER (PARTITION BY subject, field_name ORDER BY as_of_date) - CASE WHEN is_break THEN 0 ELSE 1 END AS run
        FROM break_outcomes
    ),
    seen AS (
        SELECT subject, field_name, min(as_of_date) FILTER (WHERE is_break) AS first_as_of_date,
            max(as_of_date) FILTER (WHERE is_break) AS last_as_of_date, count(*) FILTER (WHERE is_break) AS valuations,
            max(as_of_date) FILTER (WHERE NOT is_break) AS resolved_on
        FROM counted
        GROUP BY subject, field_name, run
        HAVING bool_or(is_break)
    )
    SELECT seen.subject, seen.field_name, coalesce(known.first_as_of_date, seen.first_as_of_date) AS first_as_of_date,
        seen.last_as_of_date, seen.valuations + coalesce(known.earlier, 0) AS valuations, seen.resolved_on,
        CASE WHEN known.break_id IS NULL THEN earliest.variance ELSE known.first_variance END AS first_variance
    FROM seen
    JOIN break_outcomes AS earliest ON earliest.subject = seen.subject AND earliest.field_name = seen.field_name
        AND earliest.as_of_date = seen.first_as_of_date
    LEFT JOIN break_sections AS known ON known.subject = seen.subject AND known.field_name = seen.field_name
        AND known.last_as_of_date = seen.first_as_of_date;
    ANALYZE break_runs;
    SELECT min(last_as_of_date), max(greatest(last_as_of_date, resolved_on)) INTO from_day, to_day FROM break_runs;

    CREATE TEMP TABLE break_stored ON COMMIT DROP AS
    SELECT coalesce(b.account_id, '') AS subject, b.*
    FROM break_sections AS section
    JOIN reconciliation_breaks AS b ON b.data_source = of_vendor AND coalesce(b.account_id, '') = section.subject
        AND b.field_name = section.field_name AND b.last_as_of_date <= section.until_day
        AND b.first_as_of_date > least(section.after_day, section.first_as_of_date - 1);
    ANALYZE break_stored;

    -- Each break that is known goes on in a run that it shares a day with, best in the one that holds the day of its name; one that shares
    -- none comes back where that day breaks again. Of several that go on in one run, one that nothing has ended keeps its name, and the
    -- one with the earliest.
    CREATE TEMP TABLE break_matches ON COMMIT DROP AS
    WITH picked AS (
        SELECT DISTINCT ON (b.break_id) b.break_id, b.subject, b.field_name, run.first_as_of_date, b.resolved_on, b.named_on
        FROM break_stored AS b
        JOIN break_runs AS run ON run.subject = b.subject AND run.field_name = b.field_name
        CROSS JOIN LATERAL (
            SELECT b.first_as_of_date <= run.last_as_of_date AND b.last_as_of_date >= run.first_as_of_date AS a_day,
                b.named_on BETWEEN run.first_as_of_date AND run.last_as_of_date AS its_name
        ) AS shares
        WHERE shares.a_day OR shares.its_name
        ORDER BY b.break_id, shares.a_day DESC, shares.its_name DESC, run.first_as_of_date
    )
    SELECT break_id, subject, field_name, first_as_of_date, row_number() OVER (
        PARTITION BY subject, field_name, first_as_of_date ORDER BY resolved_on IS NOT NULL, named_on, break_id
    ) = 1 AS keeps_name
    FROM picked;
    ANALYZE break_matches;

    CREATE TEMP TABLE break_wanted ON COMMIT DROP AS
    WITH named AS (
        SELECT run.*, coalesce(known.break_id, free_break_id(of_vendor, run.subject, run.field_name, run.first_as_of_date)) AS break_id,
            coalesce(known.named_on, run.first_as_of_date) AS named_on,
            known.status AS known_status, known.resolved_on AS known_resolved_on, known.last_as_of_date AS known_last,
            known.delivery_id AS known_delivery_id, known.resolved_by_delivery_id AS known_resolved_by
        FROM break_runs AS run
        LEFT JOIN break_matches AS match ON match.subject = run.subject AND match.field_name = run.field_name
            AND match.first_as_of_date = run.first_as_of_date AND match.keeps_name
        LEFT JOIN break_stored AS known ON known.break_id = match.break_id
    ),
    ended AS (
        SELECT named.*, coalesce(ending.delivery_id, most.delivery_id) AS ended_by,
            CASE
                WHEN named.known_status = 'RESOLVED_BY_RESTATEMENT' AND named.known_resolved_on = named.resolved_on THEN true
                WHEN named.resolved_on = named.known_last
                    THEN coalesce(ending.delivery_id, most.delivery_id) IS DISTINCT FROM named.known_delivery_id
                ELSE named.resolved_on < named.known_last AND EXISTS (
                    SELECT FROM performance_data_history AS h
                    WHERE h.data_source = of_vendor AND h.account_id = named.subject AND h.as_of_date = named.resolved_on
                        AND h.superseded_by_delivery_id = ending.delivery_id
                    UNION ALL
                    SELECT FROM performance_data_history AS h
                    WHERE named.subject = '' AND h.data_source = of_vendor AND h.as_of_date = named.resolved_on
                        AND h.superseded_by_delivery_id = most.delivery_id
                )
            END AS is_restated
        FROM named
        LEFT JOIN performance_data AS ending ON ending.data_source = of_vendor AND ending.account_id = named.subject
            AND ending.as_of_date = named.resolved_on AND ending.as_of_date BETWEEN from_day AND to_day
        LEFT JOIN LATERAL (
            SELECT p.delivery_id FROM performance_data AS p
            WHERE named.subject = '' AND p.data_source = of_vendor AND p.as_of_date = named.resolved_on
            GROUP BY p.delivery_id ORDER BY count(*) DESC, p.delivery_id LIMIT 1
        ) AS most ON true
    )
    SELECT ended.break_id, of_vendor AS data_source, nullif(ended.subject, '') AS account_id, ended.field_name,
        CASE
            WHEN ended.resolved_on IS NOT NULL AND ended.is_restated THEN 'RESOLVED_BY_RESTATEMENT'
            WHEN ended.resolved_on IS NOT NULL THEN 'RESOLVED'
            WHEN sign_off.is_same THEN 'SIGNED_OFF'
            ELSE 'OPEN'
        END AS status,
        ended.first_as_of_date, ended.last_as_of_date, ended.valuations, latest.calculated_value, latest.vendor_value, latest.variance,
        ended.first_variance, latest.tolerance_threshold, latest.factor, latest.accounts, latest.likely_cause,
        coalesce(latest.delivery_id, position.delivery_id) AS delivery_id, ended.resolved_on,
        CASE WHEN ended.known_status = 'RESOLVED_BY_RESTATEMENT' AND ended.known_resolved_on = ended.resolved_on
            THEN ended.known_resolved_by ELSE ended.ended_by END AS resolved_by_delivery_id,
        sign_off.break_id AS signed_off_break_id, sign_off.signed_off_by, sign_off.signed_off_at,
        coalesce(sign_off.variance, sign_off.factor) AS signed_off_variance, sign_off.reason AS signed_off_reason, ended.named_on
    FROM ended
    JOIN break_outcomes AS latest ON latest.subject = ended.subject AND latest.field_name = ended.field_name
        AND latest.as_of_date = ended.last_as_of_date
    LEFT JOIN performance_data AS position ON position.data_source = of_vendor AND position.account_id = ended.subject
        AND position.as_of_date = ended.last_as_of_date AND position.as_of_date BETWEEN from_day AND to_day
    LEFT JOIN LATERAL (
        SELECT s.*, amount.is_same
        FROM break_sign_offs AS s
        CROSS JOIN LATERAL (
            SELECT coalesce(
                (s.variance IS NULL) = (latest.variance IS NULL)
                AND abs(coalesce(s.variance, s.factor, s.vendor_value) - coalesce(latest.variance, latest.factor, latest.vendor_value))
                    <= latest.tolerance_threshold * coalesce(abs(latest.factor), 1), false
            ) AS is_same
        ) AS amount
        WHERE s.data_source = of_vendor AND s.account_id IS NOT DISTINCT FROM nullif(ended.subject, '') AND s.field_name = ended.field_name
            AND (s.break_id = ended.break_id OR (amount.is_same AND s.as_of_date <= ended.last_as_of_date))
        ORDER BY amount.is_same DESC, s.id DESC LIMIT 1
    ) AS sign_off ON true;
    ANALYZE break_wanted;

    DELETE FROM reconciliation_breaks AS b USING break_matches AS match WHERE match.break_id = b.break_id AND NOT match.keeps_name;

    SELECT min(last_as_of_date), max(last_as_of_date) INTO from_day, to_day FROM break_stored;
    -- What nothing is left of: its last valuation passes now, or is gone. Where that is put off with its whole delivery, that break tells it.
    CREATE TEMP TABLE break_ends ON COMMIT DROP AS
    SELECT b.break_id, b.last_as_of_date, now_is.delivery_id, result.within_tolerance IS FALSE AS is_told_elsewhere,
        now_is.delivery_id IS NOT DISTINCT FROM b.delivery_id AS is_same_delivery
    FROM break_stored AS b
    LEFT JOIN performance_data AS own ON own.data_source = of_vendor AND own.account_id = b.subject AND own.as_of_date = b.last_as_of_date
        AND own.as_of_date BETWEEN from_day AND to_day
    LEFT JOIN LATERAL (
        SELECT p.delivery_id FROM performance_data AS p
        WHERE b.subject = '' AND p.data_source = of_vendor AND p.as_of_date = b.last_as_of_date
        GROUP BY p.delivery_id ORDER BY count(*) DESC, p.delivery_id LIMIT 1
    ) AS most ON true
    CROSS JOIN LATERAL (SELECT coalesce(own.delivery_id, most.delivery_id) AS delivery_id) AS now_is
    LEFT JOIN reconciliation_results AS result ON result.data_source = of_vendor AND result.account_id = b.subject
        AND result.as_of_date = b.last_as_of_date AND result.field_name = b.field_name AND result.as_of_date BETWEEN from_day AND to_day
    WHERE (b.resolved_on IS NULL OR b.resolved_on > b.last_as_of_date)
        AND NOT EXISTS (SELECT FROM break_matches AS match WHERE match.break_id = b.break_id);
    DELETE FROM reconciliation_breaks AS b USING break_ends AS e WHERE e.break_id = b.break_id AND e.is_told_elsewhere;
    UPDATE reconciliation_breaks AS b
    SET status = CASE WHEN e.is_same_delivery THEN 'RESOLVED' ELSE 'RESOLVED_BY_RESTATEMENT' END,
        resolved_on = e.last_as_of_date, resolved_by_delivery_id = e.delivery_id
    FROM break_ends AS e
    WHERE e.break_id = b.break_id;

    UPDATE reconciliation_breaks AS b
    SET (status, first_as_of_date, last_as_of_date, valuations, calculated_value, vendor_value, variance, first_variance,
            tolerance_threshold, factor, accounts, likely_cause, delivery_id, resolved_on, resolved_by_delivery_id, signed_off_break_id,
            signed_off_by, signed_off_at, signed_off_variance, signed_off_reason)
        = (w.status, w.first_as_of_date, w.last_as_of_date, w.valuations, w.calculated_value, w.vendor_value, w.variance, w.first_variance,
            w.tolerance_threshold, w.factor, w.accounts, w.likely_cause, w.delivery_id, w.resolved_on, w.resolved_by_delivery_id,
            w.signed_off_break_id, w.signed_off_by, w.signed_off_at, w.signed_off_variance, w.signed_off_reason)
    FROM break_wanted AS w
    WHERE w.break_id = b.break_id
        AND (b.status, b.first_as_of_date, b.last_as_of_date, b.valuations, b.calculated_value, b.vendor_value, b.variance, b.first_variance,
            b.tolerance_threshold, b.factor, b.accounts, b.likely_cause, b.delivery_id, b.resolved_on, b.resolved_by_delivery_id,
            b.signed_off_break_id, b.signed_off_by, b.signed_off_at, b.signed_off_variance, b.signed_off_reason)
        IS DISTINCT FROM (w.status, w.first_as_of_date, w.last_as_of_date, w.valuations, w.calculated_value, w.vendor_value, w.variance,
            w.first_variance, w.tolerance_threshold, w.factor, w.accounts, w.likely_cause, w.delivery_id, w.resolved_on,
            w.resolved_by_delivery_id, w.signed_off_break_id, w.signed_off_by, w.signed_off_at, w.signed_off_variance, w.signed_off_reason);

    INSERT INTO reconciliation_breaks (break_id, data_source, account_id, field_name, status, first_as_of_date, last_as_of_date, valuations,
        calculated_value, vendor_value, variance, first_variance, tolerance_threshold, factor, accounts, likely_cause, delivery_id,
        resolved_on, resolved_by_delivery_id, signed_off_break_id, signed_off_by, signed_off_at, signed_off_variance, signed_off_reason,
        named_on)
    SELECT w.* FROM break_wanted AS w
    WHERE NOT EXISTS (SELECT FROM reconciliation_breaks AS b WHERE b.break_id = w.break_id);

    DROP TABLE break_keys, break_sections, break_outcomes, break_runs, break_stored, break_matches, break_wanted, break_ends;
END
$$;

COMMENT ON FUNCTION bring_breaks_up_to_date IS 'makes reconciliation_breaks follow a vendor''s results of the days; a second time changes nothing';

-- Last, since nobody reads or writes the results from here to the end of the transaction: so the rows that there are, are not looked
-- at before 0010. The checks of partitions are their own and do not go with their parent's.
ALTER TABLE reconciliation_results DROP CONSTRAINT IF EXISTS reconciliation_results_cause;

DO $$
DECLARE
    part regclass;
BEGIN
    FOR part IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'reconciliation_results'::regclass LOOP
        EXECUTE 'ALTER TABLE ' || part || ' DROP CONSTRAINT IF EXISTS reconciliation_results_cause';
    END LOOP;
END
$$;

ALTER TABLE reconciliation_results ADD CONSTRAINT reconciliation_results_cause CHECK (
    likely_cause IN (
        'FLOW_TIMING', 'FEE_BASIS', 'PERCENT_SCALE', 'ROUNDING', 'ROLL_FORWARD', 'MISSING_FLOW', 'SIGN',
        'UNDEFINED_BASE', 'MONEY_WEIGHTED', 'STALE', 'OUTLIER', 'SYSTEMATIC', 'UNEXPLAINED'
    )
) NOT VALID;
