"""The tables that the warehouse keeps of its own: the ledger, issues, breaks, alerts and what runs note. Every column with its meaning.

What a stage computes and publishes is in ``tables``; its columns are in ``columns``. The test of the schema compares all of them.
"""

from dataclasses import dataclass

_TEXT, _DATE, _COUNT, _FLAG = "text", "date", "bigint", "boolean"
_INSTANT, _FIGURE = "timestamp with time zone", "numeric(38,12)"


@dataclass(frozen=True, slots=True)
class StoredColumn:
    """One column: its type as ``format_type`` prints it."""

    name: str
    sql: str
    meaning: str
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class StoredTable:
    """One table of the warehouse's own."""

    name: str
    meaning: str
    columns: tuple[StoredColumn, ...]


def _table(name: str, meaning: str, *columns: tuple[str, str, str] | tuple[str, str, str, bool]) -> StoredTable:
    return StoredTable(name, meaning, tuple(StoredColumn(*column) for column in columns))


_NULL = True

LEDGER = _table(
    "etl_processing_log",
    "the ledger: one row a delivery, where it stands and what became of its rows",
    ("id", _COUNT, "counts the deliveries as they are claimed"),
    ("delivery_id", _TEXT, "names the delivery in the lake and everywhere else"),
    ("file_name", _TEXT, "the file's name, or its path below the feed's folder where the feed reads it"),
    ("file_path", _TEXT, "where in the lake the file lies now"),
    ("feed", _TEXT, "the name of the feed that claims the file; unknown where none does"),
    ("vendor", _TEXT, "whose data the feed is; unknown where no feed claims the file"),
    ("sha256", _TEXT, "the digest of the file's bytes"),
    ("size_bytes", _COUNT, "how many bytes it has"),
    ("status", _TEXT, "RECEIVED, PROCESSING, COMPLETED, COMPLETED_WITH_ISSUES, FAILED or DUPLICATE"),
    ("first_as_of_date", _DATE, "the first day with a position in it", _NULL),
    ("last_as_of_date", _DATE, "the last such day", _NULL),
    ("records_read", _COUNT, "rows read: the sum of the next ones but those published"),
    ("records_processed", _COUNT, "accepted rows: those that became positions"),
    ("records_inserted", _COUNT, "published rows, such as account-dates, that were not published before this delivery"),
    ("records_updated", _COUNT, "published rows that superseded the row of another delivery"),
    ("records_failed", _COUNT, "quarantined rows"),
    ("records_duplicate", _COUNT, "rows that repeat another row of the file"),
    ("records_footer", _COUNT, "lines that are no rows: totals, remarks, repeated headers"),
    ("error_code", _TEXT, "why it was rejected, as a code", _NULL),
    ("error_message", _TEXT, "the same as a sentence", _NULL),
    ("received_at", _INSTANT, "when the delivery arrived in the lake"),
    ("pending_first_date", _DATE, "first day that the pipeline has still to compute because of this delivery", _NULL),
    ("pending_last_date", _DATE, "last such day", _NULL),
    ("normalized_run_id", _TEXT, "no longer used; see taken_up_no", _NULL),
    ("processing_start_time", _INSTANT, "when its latest ingestion began", _NULL),
    ("processing_end_time", _INSTANT, "when it was published, rejected or found to be a duplicate", _NULL),
    ("run_id", _TEXT, "the run that ingested it last", _NULL),
    ("created_at", _INSTANT, "when it was claimed first"),
    ("first_received_at", _INSTANT, "when this very file came first; null where it came once", _NULL),
    ("ingestion_no", _COUNT, "raised by whatever gives the pipeline something to compute"),
    ("taken_up_no", _COUNT, "the ingestion_no that taken_up_by is about", _NULL),
    ("taken_up_by", "text[]", "the stages of the pipeline whose rows hold what that ingestion wrote"),
    ("records_restated", _COUNT, "of records_updated those that gave another figure than the row before"),
)

DELIVERED_DAYS = _table(
    "delivered_days",
    "the as-of dates on which an ingested delivery has a position",
    ("etl_log_id", _COUNT, "the delivery's id in the ledger"),
    ("as_of_date", _DATE, "one of its days"),
)

PROFILES = _table(
    "delivery_profiles",
    "what an ingested delivery looks like: its rows, days and columns, bounded in size",
    ("etl_log_id", _COUNT, "the delivery's id in the ledger"),
    ("profile", "jsonb", "its columns with types, blanks, distinct values, least, most, total and frequent values"),
    ("created_at", _INSTANT, "when it was made or last changed"),
)

DAY_COUNTS = _table(
    "delivery_day_counts",
    "how many rows of each day an ingested delivery has, and what became of them",
    ("etl_log_id", _COUNT, "the delivery's id in the ledger"),
    ("as_of_date", _DATE, "the day"),
    ("accepted", _COUNT, "rows that became positions"),
    ("quarantined", _COUNT, "quarantined rows; one whose day cannot be read counts where the delivery has one day only"),
    ("conflicting", _COUNT, "those of them whose key two different rows claim"),
    ("duplicate", _COUNT, "rows that repeat another row of the file"),
)

_SCORED = (
    ("dimension", _TEXT, "COMPLETENESS, VALIDITY, UNIQUENESS, CONSISTENCY, TIMELINESS, ACCURACY or TOTAL"),
    ("numerator", _COUNT, "what is as it should be; null of the total", _NULL),
    ("denominator", _COUNT, "out of how much; null of the total", _NULL),
    ("score", "double precision", "100 times the one by the other, or the weighted total; null where there is nothing to count", _NULL),
    ("updated_at", _INSTANT, "when it was published or changed last"),
)

QUALITY_SCORES = _table(
    "data_quality_scores",
    "how good the rows of a feed's day are, by dimension and in total",
    ("feed", _TEXT, "the name of the feed"),
    ("as_of_date", _DATE, "the day"),
    *_SCORED,
)

QUALITY_SHARES = _table(
    "delivery_quality_shares",
    "what the quality scores of a feed's days and deliveries are counted from",
    ("feed", _TEXT, "the name of the feed"),
    ("as_of_date", _DATE, "the day"),
    ("delivery_id", _TEXT, "the delivery; empty where it was counted by day only, before there were scores of deliveries"),
    ("dimension", _TEXT, "COMPLETENESS, VALIDITY, UNIQUENESS, CONSISTENCY, TIMELINESS or ACCURACY"),
    ("numerator", _COUNT, "what is as it should be"),
    ("denominator", _COUNT, "out of how much"),
)

DELIVERY_SCORES = _table(
    "delivery_quality_scores",
    "how good the rows of a delivery are, by dimension and in total, over all its days",
    ("feed", _TEXT, "the name of the feed"),
    ("delivery_id", _TEXT, "the delivery"),
    *_SCORED,
)

RESTATEMENTS = _table(
    "restatements",
    "what a publication changed of figures that were published before, by delivery and field; only ever added to",
    ("id", _COUNT, "counts the rows"),
    ("data_source", _TEXT, "the vendor"),
    ("delivery_id", _TEXT, "the delivery whose rows took the place of others; null where a row changed and stayed in its delivery", _NULL),
    ("field_name", _TEXT, "the column of performance_data; `withdrawn` where the row is published no more"),
    ("first_as_of_date", _DATE, "the first day on which it changed"),
    ("last_as_of_date", _DATE, "the last one"),
    ("changed", _COUNT, "at how many account-dates"),
    ("accounts", _COUNT, "of how many accounts"),
    (
        "largest_change",
        _FIGURE,
        "new figure less old one where that is largest; null where one change has no size",
        _NULL,
    ),
    ("largest_account_id", _TEXT, "the account of that change"),
    ("largest_as_of_date", _DATE, "its day"),
    ("published_at", _INSTANT, "when"),
)

ISSUES = _table(
    "data_quality_issues",
    "what is wrong in a delivery: quarantined rows, whole, and without line_number what its pipeline has found",
    ("id", _COUNT, "counts the issues"),
    ("etl_log_id", _COUNT, "the delivery's id in the ledger"),
    ("account_id", _TEXT, "the account, where it can be read and the issue is one account's", _NULL),
    ("as_of_date", _DATE, "the day, likewise", _NULL),
    ("issue_type", _TEXT, "the code"),
    ("issue_description", _TEXT, "the sentence: what is wrong and what would make it right"),
    ("field_name", _TEXT, "the field that is wrong", _NULL),
    ("expected_value", _TEXT, "what it had to be", _NULL),
    ("actual_value", _TEXT, "what it is", _NULL),
    ("severity", _TEXT, "CRITICAL, HIGH, MEDIUM or LOW"),
    ("line_number", _COUNT, "the line of a quarantined row", _NULL),
    ("raw_row", _TEXT, "the quarantined row as it came", _NULL),
    ("created_at", _INSTANT, "when it was found"),
)

BREAKS = _table(
    "reconciliation_breaks",
    "one row a break: an unbroken run of valuations at which one figure of an account is outside its tolerance",
    ("break_id", _TEXT, "stays as long as the break goes on, also where a late or restated valuation moves its first day"),
    ("data_source", _TEXT, "the vendor"),
    ("account_id", _TEXT, "null where one factor is the cause in a whole delivery", _NULL),
    ("field_name", _TEXT, "the figure"),
    ("status", _TEXT, "OPEN, SIGNED_OFF, RESOLVED, or RESOLVED_BY_RESTATEMENT: a valuation at which it broke was restated or withdrawn"),
    ("first_as_of_date", _DATE, "the first valuation at which it breaks"),
    ("last_as_of_date", _DATE, "the latest one"),
    ("valuations", _COUNT, "at how many valuations the figure is outside its tolerance"),
    ("age_days", "integer", "days from the first to the latest"),
    ("calculated_value", _FIGURE, "ours, at the latest of them", _NULL),
    ("vendor_value", _FIGURE, "theirs, likewise", _NULL),
    ("variance", _FIGURE, "the difference, likewise, as are the threshold, the cause and the delivery", _NULL),
    ("first_variance", _FIGURE, "the difference at the first of them", _NULL),
    ("tolerance_threshold", _FIGURE, "the largest variance that passes; of a whole delivery a share of the factor"),
    ("factor", _FIGURE, "of a whole delivery: the vendor's figure over ours", _NULL),
    ("accounts", _COUNT, "of a whole delivery: how many accounts break because of it", _NULL),
    ("likely_cause", _TEXT, "why it breaks, as far as is known", _NULL),
    ("delivery_id", _TEXT, "the delivery of the latest valuation", _NULL),
    ("resolved_on", _DATE, "as-of date of the valuation that ended it", _NULL),
    ("resolved_by_delivery_id", _TEXT, "the delivery which that valuation came in; null where it was withdrawn", _NULL),
    ("signed_off_break_id", _TEXT, "the break whose sign-off holds for this one too, or its own that no longer does", _NULL),
    ("signed_off_by", _TEXT, "who accepted it", _NULL),
    ("signed_off_at", _INSTANT, "when", _NULL),
    ("signed_off_variance", _FIGURE, "at which amount", _NULL),
    ("signed_off_reason", _TEXT, "why", _NULL),
    ("named_on", _DATE, "the as-of date that break_id is made from"),
    ("created_at", _INSTANT, "when it was found first"),
    ("updated_at", _INSTANT, "when anything of it changed last"),
    ("closed_at", _INSTANT, "when the publication that resolved it was made; null while it is not resolved", _NULL),
)

BREAK_EVENTS = _table(
    "break_events",
    "who was given which break, and what was said of it; only ever added to",
    ("id", _COUNT, "counts the events"),
    ("break_id", _TEXT, "the break"),
    ("data_source", _TEXT, "the vendor"),
    ("account_id", _TEXT, "the account; null for a whole delivery", _NULL),
    ("field_name", _TEXT, "the figure"),
    ("event", _TEXT, "ASSIGNED or COMMENTED"),
    ("made_by", _TEXT, "who did it"),
    ("owner", _TEXT, "of ASSIGNED: who has it from then on; null where nobody has", _NULL),
    ("comment", _TEXT, "of COMMENTED: what was said", _NULL),
    ("made_at", _INSTANT, "when"),
)

SIGN_OFFS = _table(
    "break_sign_offs",
    "who accepted which break at which amount; only ever added to",
    ("id", _COUNT, "counts the sign-offs"),
    ("break_id", _TEXT, "the break"),
    ("data_source", _TEXT, "the vendor"),
    ("account_id", _TEXT, "the account; null for a whole delivery", _NULL),
    ("field_name", _TEXT, "the figure"),
    ("as_of_date", _DATE, "the valuation that was accepted"),
    ("variance", _FIGURE, "its variance", _NULL),
    ("vendor_value", _FIGURE, "the vendor's figure", _NULL),
    ("factor", _FIGURE, "of a whole delivery: the factor", _NULL),
    ("signed_off_by", _TEXT, "who accepted it"),
    ("reason", _TEXT, "why"),
    ("signed_off_at", _INSTANT, "when"),
)

ALERTS = _table(
    "alerts",
    "the outbox: one row an incident, with what became of telling it",
    ("id", _COUNT, "counts the alerts"),
    ("alert_key", _TEXT, "what it is about: two open alerts never have the same"),
    ("code", _TEXT, "the code"),
    ("severity", _TEXT, "CRITICAL, HIGH, MEDIUM or LOW"),
    ("feed", _TEXT, "the name of the feed that it is about; `unknown` for a file of none, `all` where it is the platform's own"),
    ("vendor", _TEXT, "whose data that feed is; likewise"),
    ("etl_log_id", _COUNT, "the delivery's id in the ledger", _NULL),
    ("delivery_id", _TEXT, "the delivery", _NULL),
    ("window_start", _DATE, "first day of the window that a missing or late file is of", _NULL),
    ("since", _INSTANT, "when the incident began: the arrival, the deadline, the first failed run"),
    ("subject", _TEXT, "one line"),
    ("message", _TEXT, "what broke, why, and what to do"),
    ("created_at", _INSTANT, "when it was raised"),
    ("resolved_at", _INSTANT, "when it was over, or a person said so", _NULL),
    ("resolved_by_person", _FLAG, "a person said so; a missing file is not reported again then"),
    ("sent_at", _INSTANT, "when a channel took it", _NULL),
    ("sent_to", _TEXT, "the channel that took it, without user, password or path", _NULL),
    ("attempts", "integer", "how often sending was tried"),
    ("next_attempt_at", _INSTANT, "when it is tried again"),
    ("last_error", _TEXT, "why the last attempt to send it failed", _NULL),
)

AUDIT_LOG = _table(
    "audit_log",
    "who did what, when and from where, and what it changed; only ever added to",
    ("id", _COUNT, "counts the actions"),
    ("at", _INSTANT, "when the transaction that did it began"),
    ("principal", _TEXT, "who did it: the caller of the API, whom `--by` names, or who was logged in"),
    ("role", _TEXT, "of a caller of the API: reader, analyst or operator; null of others", _NULL),
    ("action", _TEXT, "SIGNED_OFF, COMMENTED, ASSIGNED, RESOLVED, REPLAYED, TOKEN_MADE or TOKEN_REVOKED"),
    ("subject", _TEXT, "what it was done to: a break, an alert, deliveries, a token's name"),
    ("origin", _TEXT, "api, cli, replay, or sql where a statement did not say"),
    ("address", _TEXT, "of the API the caller's address, of a command who was logged in where", _NULL),
    ("request_id", _TEXT, "of the API: the request, as its log has it", _NULL),
    ("before", "jsonb", "what it changed, as it was; null where it adds only", _NULL),
    ("after", "jsonb", "the same as it is since", _NULL),
)

LOCKS = _table(
    "locks",
    "who took a lock last: a process whose token is not this one has lost it, whatever it remembers",
    ("subject", _TEXT, "what is done by one run at a time, such as the pipeline of a feed or the ingestion of a delivery"),
    ("token", _COUNT, "higher with each taking"),
    ("holder", _TEXT, "host and process that took it"),
    ("taken_at", _INSTANT, "when"),
)

LAKE_WRITES = _table(
    "lake_writes",
    "windows of a pipeline that a run writes to the lake now, or did not write to the end",
    ("id", _COUNT, "counts the writes"),
    ("feed", _TEXT, "the name of the feed whose pipeline it is"),
    ("first_date", _DATE, "the first day that is written"),
    ("last_date", _DATE, "the last one"),
    ("run_id", _TEXT, "the run; once it has ended, its windows are computed again"),
    ("begun_at", _INSTANT, "when it began"),
)

INGESTION_WRITES = _table(
    "ingestion_writes",
    "deliveries whose rows in the lake a run writes now, or wrote without recording it in the ledger",
    ("id", _COUNT, "counts the writes"),
    ("feed", _TEXT, "the name of the feed whose delivery it is"),
    ("delivery_id", _TEXT, "the delivery"),
    ("run_id", _TEXT, "the run; null once it has ended, and the delivery is to be ingested again", _NULL),
    ("begun_at", _INSTANT, "when it began"),
)

STATISTICS_PENDING = _table(
    "statistics_pending",
    "accounts whose published rows changed after their statistics were computed",
    ("data_source", _TEXT, "the vendor"),
    ("account_id", _TEXT, "the account"),
    ("first_date", _DATE, "the first day that changed"),
    ("noted_no", _COUNT, "raised by each change, so that one which comes while statistics are computed stays"),
)

CONTRIBUTIONS_PENDING = _table(
    "contributions_pending",
    "portfolios and clients whose published rows, or their accounts', changed after their contributions were computed",
    ("data_source", _TEXT, "the vendor"),
    ("level", _TEXT, "PORTFOLIO or CLIENT"),
    ("group_id", _TEXT, "the portfolio or client"),
    ("first_date", _DATE, "the first day that changed"),
    ("noted_no", _COUNT, "raised by each change, so that one which comes while contributions are computed stays"),
)

COMPUTED_FROM = _table(
    "computed_from",
    "by what the figures above the account were computed last",
    ("subject", _TEXT, "the vendor whose figures they are, after `accounts of ` or `contributions of `, or `composites`"),
    ("basis", _TEXT, "the conventions, or the digest of the composites' files; where it is another now, all is computed again"),
    ("number", _COUNT, "raised by each computation of accounts; of composites that of the accounts they were made of"),
    ("computed_at", _INSTANT, "when"),
)

DATA_VERSIONS = _table(
    "data_versions",
    "the sum of the versions is the number of the data that are served; a transaction that changes them raises one",
    ("slot", "integer", "counts the rows, so that transactions at the same time have one each"),
    ("version", _COUNT, "how often a transaction has raised this one"),
)

SQL_FUNCTIONS = _table(
    "sql_functions",
    "the scripts of sql/functions as they were applied last",
    ("name", _TEXT, "the script"),
    ("sha256", _TEXT, "the digest of its text"),
    ("applied_at", _INSTANT, "when"),
)

STORED = (
    LEDGER,
    DELIVERED_DAYS,
    PROFILES,
    DAY_COUNTS,
    QUALITY_SCORES,
    QUALITY_SHARES,
    DELIVERY_SCORES,
    RESTATEMENTS,
    ISSUES,
    BREAKS,
    BREAK_EVENTS,
    SIGN_OFFS,
    ALERTS,
    AUDIT_LOG,
    LOCKS,
    LAKE_WRITES,
    INGESTION_WRITES,
    STATISTICS_PENDING,
    CONTRIBUTIONS_PENDING,
    COMPUTED_FROM,
    DATA_VERSIONS,
    SQL_FUNCTIONS,
)

OWN_COLUMNS = (
    StoredColumn("id", _COUNT, "counts the rows as they are published"),
    StoredColumn("processed_by", _TEXT, "the role that wrote the row"),
    StoredColumn("reconciliation_date", _DATE, "the day on which the comparison was made or last changed"),
    StoredColumn("created_at", _INSTANT, "when the row was published"),
    StoredColumn("updated_at", _INSTANT, "when it changed last"),
    StoredColumn("superseded_at", _INSTANT, "when another row took its place, or it went"),
    StoredColumn("superseded_by_delivery_id", _TEXT, "the delivery whose row took its place; null where none did", nullable=True),
)
"""What the warehouse adds to the columns of published tables and of their history."""
