"""The quality scores of a feed's days are published with its figures, and only those of days that were touched."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from advisory_perf_tests.orchestration.scenarios import A_FIFTH, A_THIRD, B_THIRD, a_world, csv, days, materialised, value

pytestmark = pytest.mark.slow

THIRD, FIFTH, SIXTH = days(3, 5, 6)
B_FIFTH = "B,2025-03-05,255.00,0.00,0.00,0.00,255.00,0.00000"
A_SIXTH = "A,2025-03-06,111.00,0.00,0.00,0.00,111.00,0.00000"
NAMES = ("COMPLETENESS", "VALIDITY", "UNIQUENESS", "CONSISTENCY", "TIMELINESS", "ACCURACY")


def shares(world: Any, day: date) -> dict[str, tuple[int, int]]:
    """Of a day what each dimension was counted from."""
    rows = world.platform.warehouse.query(
        "SELECT dimension, numerator, denominator FROM data_quality_scores WHERE feed = 'acme' AND as_of_date = %s", [day]
    ).rows()
    return {dimension: (numerator, denominator) for dimension, numerator, denominator in rows if dimension != "TOTAL"}


def total(world: Any, day: date) -> float | None:
    found = world.platform.warehouse.query(
        "SELECT score FROM data_quality_scores WHERE feed = 'acme' AND as_of_date = %s AND dimension = 'TOTAL'", [day]
    )
    score: float | None = found.item()
    return score


def versions(world: Any) -> dict[tuple[date, str], str]:
    """Which version of its row each score is: a row that is written anew, also with the same values, has another."""
    rows = world.platform.warehouse.query("SELECT as_of_date, dimension, xmin::text FROM data_quality_scores").rows()
    return {(day, dimension): version for day, dimension, version in rows}


def test_a_day_is_scored_by_what_came_of_it_and_a_second_run_changes_nothing(tmp_path: Path, warehouse_url: str) -> None:
    wrong = B_THIRD.replace("0.02500", "0.50000")
    with a_world(tmp_path, warehouse_url, recording=True) as world:
        assert world.ingest("acme_1.csv", csv(A_THIRD, A_THIRD, wrong, "C,2025-03-03,none,0.00,0.00,0.00,1.00,0.00", A_FIFTH)).success
        result = world.run_pipeline(THIRD, FIFTH)
        assert result.success
        assert shares(world, THIRD) == {
            "COMPLETENESS": (2, 2),
            "VALIDITY": (2, 3),
            "UNIQUENESS": (3, 4),
            "CONSISTENCY": (2, 2),
            "TIMELINESS": (0, 0),
            "ACCURACY": (3, 4),
        }, "two identities, and nothing before to roll from; two market values and two returns, of which one breaks"
        expected = 100 * (20 * 1 + 20 * 2 / 3 + 10 * 3 / 4 + 20 * 1 + 20 * 3 / 4) / 90
        assert total(world, THIRD) == pytest.approx(expected, abs=1e-12)
        metadata = materialised(result, "performance_data")[THIRD.isoformat()].metadata
        assert value(metadata, "quality_score") == total(world, THIRD)
        assert (value(metadata, "quality_accuracy"), "quality_timeliness" in metadata) == (75.0, False)
        before = versions(world)
        assert world.run_pipeline(THIRD, FIFTH).success
        assert versions(world) == before


def test_an_account_that_is_missing_lowers_its_day_once_the_next_has_come_and_no_other_score_is_written(
    tmp_path: Path, warehouse_url: str
) -> None:
    with a_world(tmp_path, warehouse_url) as world:
        world.ingest("acme_1.csv", csv(A_THIRD, B_THIRD))
        world.run_pending_pipeline()
        world.ingest("acme_2.csv", csv(A_FIFTH))
        world.run_pending_pipeline()
        before, of_third = versions(world), shares(world, THIRD)
        world.ingest("acme_3.csv", csv(A_SIXTH))
        world.run_pending_pipeline()
        assert shares(world, FIFTH)["COMPLETENESS"] == (1, 2)
        assert shares(world, THIRD) == of_third
        after = versions(world)
        rewritten = {key for key, version in before.items() if after[key] != version}
        assert rewritten <= {(FIFTH, "COMPLETENESS"), (FIFTH, "TOTAL")}


def test_a_day_ends_with_the_same_scores_whatever_came_first(tmp_path: Path, warehouse_url: str, second_warehouse_url: str) -> None:
    files = {"acme_1.csv": csv(A_THIRD, B_THIRD), "acme_2.csv": csv(A_FIFTH), "acme_3.csv": csv(A_SIXTH)}
    ends = []
    for number, (url, order) in enumerate(((warehouse_url, sorted(files)), (second_warehouse_url, sorted(files, reverse=True)))):
        (tmp_path / str(number)).mkdir()
        with a_world(tmp_path / str(number), url) as world:
            for name in order:
                world.ingest(name, files[name])
                world.run_pending_pipeline()
            ends.append([(day, shares(world, day), total(world, day)) for day in (THIRD, FIFTH, SIXTH)])
    assert ends[0] == ends[1]


def test_a_publication_that_is_undone_leaves_no_score(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url) as world:
        world.ingest("acme_1.csv", csv(A_THIRD, B_THIRD))
        with world.administrator.connect() as connection:
            connection.execute("ALTER TABLE data_quality_scores ADD CONSTRAINT never CHECK (dimension <> 'TOTAL')")
        assert not world.run_pipeline(THIRD, THIRD).success
        assert world.rows("performance_data").is_empty()
        with world.administrator.connect() as connection:
            connection.execute("ALTER TABLE data_quality_scores DROP CONSTRAINT never")
            connection.execute("CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE check_violation; END$$")
            connection.execute(
                "CREATE CONSTRAINT TRIGGER never AFTER UPDATE ON etl_processing_log DEFERRABLE INITIALLY DEFERRED"
                " FOR EACH ROW EXECUTE FUNCTION never()"
            )
        assert not world.run_pipeline(THIRD, THIRD).success
        assert shares(world, THIRD) == {}


def test_the_trend_has_each_score_beside_the_day_before(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url) as world:
        world.ingest("acme_1.csv", csv(A_THIRD, B_THIRD, "C,2025-03-03,none,0.00,0.00,0.00,1.00,0.00", A_FIFTH, B_FIFTH))
        world.run_pending_pipeline()
        trend = world.platform.warehouse.query(
            "SELECT as_of_date, score, change, mean_of_20_days, least_of_20_days FROM data_quality_trend"
            " WHERE dimension = 'VALIDITY' ORDER BY as_of_date"
        ).rows()
    third = pytest.approx(200 / 3)
    assert trend == [(THIRD, third, None, third, third), (FIFTH, 100.0, pytest.approx(100 / 3), pytest.approx(250 / 3), third)]
