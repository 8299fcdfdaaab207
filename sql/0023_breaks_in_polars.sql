-- depends: 0022_words
-- What a break is and how it goes on is said once, in advisory_perf/reconciliation/break_runs.py.

DROP FUNCTION IF EXISTS bring_breaks_up_to_date(text, date, date);

DROP FUNCTION IF EXISTS free_break_id(text, text, text, date);

DROP FUNCTION IF EXISTS break_id_of(text, text, text, date, integer);
