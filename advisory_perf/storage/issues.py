"""The issues of a delivery: its quarantined rows, as the ledger keeps them beside its entry."""

import polars as pl
import psycopg
from psycopg import sql

from advisory_perf.storage.frames import copy_frame, names


def replace_issues(connection: psycopg.Connection, quarantined: pl.DataFrame, *, etl_log_id: int) -> None:
    """Makes the entry's issues those of the quarantined rows; equal ones stay as they are, so that one can see since when."""
    issues = _issue_rows(quarantined, etl_log_id)
    columns = [name for name in issues.columns if name != "etl_log_id"]
    parts = {
        "all": names(issues.columns),
        "id": sql.Literal(etl_log_id),
        "same": sql.SQL("stored.line_number = incoming.line_number AND ({}) IS NOT DISTINCT FROM ({})").format(
            names(columns, "stored"), names(columns, "incoming")
        ),
    }
    connection.execute(
        sql.SQL("CREATE TEMP TABLE incoming_issues ON COMMIT DROP AS SELECT {all} FROM data_quality_issues LIMIT 0").format(**parts)
    )
    copy_frame(connection, "incoming_issues", issues)
    connection.execute(
        sql.SQL(
            "DELETE FROM data_quality_issues AS stored WHERE etl_log_id = {id} AND NOT EXISTS"
            " (SELECT FROM incoming_issues AS incoming WHERE {same})"
        ).format(**parts)
    )
    connection.execute(
        sql.SQL(
            "INSERT INTO data_quality_issues ({all}) SELECT {all} FROM incoming_issues AS incoming WHERE NOT EXISTS"
            " (SELECT FROM data_quality_issues AS stored WHERE stored.etl_log_id = {id} AND {same}) ORDER BY line_number"
        ).format(**parts)
    )


def _issue_rows(issues: pl.DataFrame, etl_log_id: int) -> pl.DataFrame:
    return issues.select(
        pl.lit(etl_log_id).alias("etl_log_id"),
        "account_id",
        "as_of_date",
        pl.col("code").alias("issue_type"),
        pl.col("reason").alias("issue_description"),
        "field_name",
        "severity",
        "line_number",
        "raw_row",
    )
