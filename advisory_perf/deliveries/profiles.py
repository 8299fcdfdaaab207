"""The profiles of ingested deliveries: kept beside the ledger, and those of a feed before one of its deliveries."""

import psycopg
from psycopg.types.json import Jsonb

from advisory_perf.deliveries.delivered_days import INGESTED
from advisory_perf.ingestion.profile import DeliveryProfile
from advisory_perf.warehouse.connection import Warehouse


def replace_profile(connection: psycopg.Connection, etl_log_id: int, profile: DeliveryProfile | None) -> None:
    """Makes the delivery's profile this one, or none; an equal one stays as it is."""
    if profile is None:
        connection.execute("DELETE FROM delivery_profiles WHERE etl_log_id = %s", [etl_log_id])
        return
    connection.execute(
        "INSERT INTO delivery_profiles AS stored (etl_log_id, profile) VALUES (%s, %s) ON CONFLICT (etl_log_id) DO UPDATE"
        " SET profile = excluded.profile, created_at = excluded.created_at WHERE stored.profile <> excluded.profile",
        [etl_log_id, Jsonb(profile.model_dump(mode="json"))],
    )


def profiles_before(warehouse: Warehouse, delivery_id: str, count: int) -> list[DeliveryProfile]:
    """The profiles of the latest so many deliveries of its feed that arrived before the delivery and are ingested, the latest first.

    What came after it says nothing here, so that one that is ingested again finds what it found the first time.
    """
    with warehouse.connect() as connection:
        rows = connection.execute(
            "SELECT kept.profile FROM delivery_profiles AS kept JOIN etl_processing_log AS log ON log.id = kept.etl_log_id"
            " JOIN etl_processing_log AS own ON own.feed = log.feed AND (log.received_at, log.id) < (own.received_at, own.id)"
            " WHERE own.delivery_id = %s AND log.status = ANY(%s) ORDER BY log.received_at DESC, log.id DESC LIMIT %s",
            [delivery_id, INGESTED, count],
        )
        return [DeliveryProfile.model_validate(profile) for (profile,) in rows]
