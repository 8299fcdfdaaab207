"""The sample files, read again by the simplest means, against what their truth says of them."""

import csv
import io
import json
import re
import zipfile
from collections import Counter
from datetime import date
from decimal import Decimal
from fractions import Fraction

import fastexcel
import polars as pl
import pytest

from advisory_perf.samples.deliveries import Samples, make_samples
from advisory_perf.samples.truth import SampleFile

LAST_MONTH = date(2024, 6, 30)


@pytest.fixture(scope="module")
def samples() -> Samples:
    """A little more than the defaults, so that every defect of vendor A occurs more than once."""
    return make_samples(seed=11, accounts=25, last_month=LAST_MONTH)


def files_of(samples: Samples, vendor: str) -> list[SampleFile]:
    """One vendor's files in order of arrival."""
    return [file for file in samples.files if file.vendor == vendor]


def csv_lines(samples: Samples) -> list[list[str]]:
    """The lines of vendor A's file below its header."""
    return list(csv.reader(io.StringIO(files_of(samples, "vendor_a")[0].content.decode(), newline="")))[1:]


def whole_lines(samples: Samples) -> list[tuple[str, ...]]:
    """Vendor A's lines that count: full, readable, once each, and not contradicted."""
    readable = {tuple(line): None for line in csv_lines(samples) if len(line) == 14 and "n/a?" not in line}
    reported = Counter((line[0], line[3]) for line in readable)
    return [line for line in readable if reported[line[0], line[3]] == 1]


def sheet(samples: Samples) -> pl.DataFrame:
    """All cells of vendor B's second sheet as text, title lines included."""
    reader = fastexcel.read_excel(files_of(samples, "vendor_b")[0].content)
    return reader.load_sheet("Performance", header_row=None, skip_rows=0, dtypes="string").to_polars()


def documents(samples: Samples) -> list[dict[str, dict[str, object]]]:
    """Vendor C's documents with every number as an exact decimal."""
    rows: list[dict[str, dict[str, object]]] = json.loads(files_of(samples, "vendor_c")[0].content, parse_float=Decimal)
    return rows


def days(samples: Samples) -> dict[str, pl.DataFrame]:
    """Vendor D's frames by file name, in order of arrival."""
    return {file.name: pl.read_parquet(io.BytesIO(file.content)) for file in files_of(samples, "vendor_d")}


def test_a_seed_gives_the_same_bytes_again(samples: Samples) -> None:
    assert make_samples(seed=11, accounts=25, last_month=LAST_MONTH) == samples


def test_another_seed_gives_other_bytes(samples: Samples) -> None:
    assert make_samples(seed=12, accounts=25, last_month=LAST_MONTH).files[0] != samples.files[0]


def test_the_workbook_holds_no_time_of_making(samples: Samples) -> None:
    with zipfile.ZipFile(io.BytesIO(files_of(samples, "vendor_b")[0].content)) as parts:
        assert {part.date_time for part in parts.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert set(re.findall(r"\d{4}-\d\d-\d\dT", parts.read("docProps/core.xml").decode())) == {"2024-06-30T"}


def test_read_is_always_the_sum_of_where_the_rows_go(samples: Samples) -> None:
    for truth in samples.truth.values():
        for file in truth.files.values():
            gone = file.duplicates + file.footers + sum(file.quarantined.values())
            assert file.read == file.accepted + gone


def test_the_files_are_the_ones_the_truth_names(samples: Samples) -> None:
    assert list(samples.truth) == ["vendor_a", "vendor_b", "vendor_c", "vendor_d"]
    for vendor, truth in samples.truth.items():
        assert [file.name for file in files_of(samples, vendor)] == list(truth.files)


def test_the_csv_has_the_defects_the_truth_counts(samples: Samples) -> None:
    lines = csv_lines(samples)
    whole = [tuple(line) for line in lines if len(line) == 14 and "n/a?" not in line]
    reported = Counter((line[0], line[3]) for line in set(whole))
    file = samples.truth["vendor_a"].files["vendor_a_performance_20240630.csv"]
    assert file.read == len(lines)
    assert file.duplicates == len(whole) - len(set(whole)) > 1
    assert file.quarantined == {
        "E_NUMBER": sum(len(line) == 14 and "n/a?" in line for line in lines),
        "E_FIELDS": sum(len(line) != 14 for line in lines),
        "E_KEY_CONFLICT": sum(count for count in reported.values() if count > 1),
    }
    assert min(file.quarantined.values()) > 1
    assert file.accepted == len(whole_lines(samples))
    assert any(line[7] == "" for line in whole)


def test_the_csv_breaks_where_the_truth_counts_and_once_exactly_at_the_tolerance(samples: Samples) -> None:
    off: list[Decimal] = []
    wrong_returns = 0
    for line in whole_lines(samples):
        bmv, paid_in, out, income, gain, fee, other, emv = (Decimal(cell or "0") for cell in line[4:12])
        off.append(abs(bmv + paid_in - out + income + gain - fee + other - emv))
        ours = Fraction(emv - bmv - paid_in + out) / Fraction(bmv + (paid_in - out) / 2)
        wrong_returns += abs(ours - Fraction(line[13])) > Fraction("0.0001")
    breaks = samples.truth["vendor_a"].breaks
    assert off.count(Decimal("0.01")) == 1
    assert sum(value > Decimal("0.01") for value in off) == breaks["ending_market_value"] > 1
    assert wrong_returns == breaks["twrr"] > 1
    causes = samples.truth["vendor_a"].causes
    assert sum(causes.values()) == sum(breaks.values())
    assert causes.keys() >= {"DOUBLED_FEES", "INCOME", "DOUBLED_FLOW", "FEE_BASIS", "SIGN", "UNEXPLAINED"}


def test_the_csv_ends_every_line_with_crlf_and_quotes_names(samples: Samples) -> None:
    content = files_of(samples, "vendor_a")[0].content
    assert content.count(b"\n") == content.count(b"\r\n") == len(csv_lines(samples)) + 1
    assert b'"Trust 0, Smith & Sons"' in content


def test_the_truth_of_an_account_is_what_its_csv_lines_say(samples: Samples) -> None:
    growth, flow, rows = Fraction(1), Decimal(0), 0
    for line in whole_lines(samples):
        if line[0] == "ACC000003":
            bmv, paid_in, out, emv = (Decimal(line[column]) for column in (4, 5, 6, 11))
            growth *= 1 + Fraction(emv - bmv - paid_in + out) / Fraction(bmv + (paid_in - out) / 2)
            flow += paid_in - out
            rows += 1
    truth = samples.truth["vendor_a"].accounts["ACC000003"]
    assert (truth.cumulative_twrr, truth.cumulative_net_flow, truth.rows) == (growth - 1, flow, rows)


def test_the_workbook_hides_its_first_sheet_and_has_its_header_in_row_five(samples: Samples) -> None:
    reader = fastexcel.read_excel(files_of(samples, "vendor_b")[0].content)
    assert reader.sheet_names == ["Notes", "Performance"]
    assert reader.load_sheet("Notes", header_row=None).visible == "hidden"
    cells = sheet(samples)
    assert cells.row(4)[0] == "account_number"
    assert cells.row(4)[-1] == "time_weighted_return"


def test_the_workbook_has_the_rows_the_truth_counts_then_a_total_and_a_note(samples: Samples) -> None:
    below_header = sheet(samples).slice(5)
    filled = below_header.filter(~pl.all_horizontal(pl.all().is_null()))
    file = samples.truth["vendor_b"].files["vendor_b_performance_20240630.xlsx"]
    first = filled.to_series(0)
    assert (file.read, file.footers) == (filled.height, 2)
    assert file.accepted == first.str.contains(r"^\d+$").sum() == 25 * 12
    assert first[-2] == "Total"
    assert str(first[-1]).startswith("Report generated 2024-06-30")
    assert below_header.height == filled.height + 1


def test_the_workbooks_total_is_that_of_its_ending_values(samples: Samples) -> None:
    ending = [round(Decimal(str(cell)), 2) for cell in sheet(samples).slice(5).to_series(11).drop_nulls()]
    assert (len(ending), ending[-1]) == (25 * 12 + 1, sum(ending[:-1]))


def test_a_day_costs_its_part_of_what_a_month_does(samples: Samples) -> None:
    """28 and 600 parts per million of what the account begins with."""
    for frame in days(samples).values():
        cents = (pl.col(name).cast(pl.Float64) * 100 for name in ("Fees", "BeginMarketValue"))
        fee, beginning = (each.round().cast(pl.Int64) for each in cents)
        assert frame.select((fee == beginning * 28 // 10**6).all()).item()
    for row in documents(samples):
        reporting = json.loads(json.dumps(row["reporting"], default=str), parse_int=Decimal)
        invested = Decimal(reporting["market_values"]["beginning"]) or Decimal(reporting["cash_flows"]["contributions"])
        assert Decimal(reporting["performance"]["fees_paid"]) * 100 == int(invested * 100) * 600 // 10**6


def test_from_the_restated_day_on_returns_have_six_decimals(samples: Samples) -> None:
    longest = {
        name.removeprefix("vendor_d_2024").removesuffix(".parquet"): max(len(f"{one:.8f}".rstrip("0")) for one in frame["TWRReturn"].abs())
        for name, frame in days(samples).items()
    }
    assert {name: digits - 2 for name, digits in longest.items() if name >= "0620"} == {
        "0620": 8,
        "0621": 8,
        **dict.fromkeys(("0624", "0625", "0626", "0627", "0628", "0624_v2"), 6),
    }


def test_the_workbook_mixes_dates_and_amounts_as_text_with_noisy_numbers(samples: Samples) -> None:
    data = sheet(samples).slice(5, 25 * 12)
    assert data.to_series(3).str.contains(r"^\d\d/\d\d/2024$|^\d\d/\d\d/2023$").any()
    assert data.to_series(3).str.contains(r"^\d{4}-\d\d-\d\d").any()
    assert data.to_series(4).str.contains(r"^\$[\d,]+\.\d\d$").any()
    assert data.to_series(8).str.contains(r"^\([\d,]+\.\d\d\)$").any()
    with zipfile.ZipFile(io.BytesIO(files_of(samples, "vendor_b")[0].content)) as parts:
        assert re.search(r"<v>\d+\.\d+0000\d+</v>", parts.read("xl/worksheets/sheet2.xml").decode())


def test_the_workbook_adds_up_to_the_cent_and_its_returns_are_of_the_start_of_day(samples: Samples) -> None:
    for row in sheet(samples).slice(5, 25 * 12).iter_rows():
        text = [str(cell).replace("$", "").replace(",", "").replace("(", "-").replace(")", "") for cell in row[4:12]]
        bmv, paid_in, out, income, gain, fee, other, emv = (round(Decimal(cell), 2) for cell in text)
        assert bmv + paid_in - out + income + gain - fee + other == emv
        percent = 100 * (Fraction(emv) / Fraction(bmv + paid_in - out) - 1)
        assert abs(percent - Fraction(round(Decimal(row[13]), 4))) <= Fraction("0.00005")
    assert samples.truth["vendor_b"].breaks == {"ending_market_value": 0, "twrr": 0}


def test_the_documents_add_up_and_are_as_many_as_the_truth_says(samples: Samples) -> None:
    rows = documents(samples)
    file = samples.truth["vendor_c"].files["vendor_c_performance_20240630.json"]
    assert file.read == file.accepted == len(rows)
    missing = funded = closed = 0
    for row in rows:
        reporting = json.loads(json.dumps(row["reporting"], default=str), parse_int=Decimal)
        values, flows, parts = reporting["market_values"], reporting["cash_flows"], reporting["performance"]
        bmv, emv = Decimal(values["beginning"]), Decimal(values["ending"])
        net_flow = Decimal(flows["contributions"]) - Decimal(flows["distributions"])
        earned = Decimal(parts["income_earned"]) + Decimal(parts["capital_appreciation"]) - Decimal(parts["fees_paid"])
        assert bmv + net_flow + earned + Decimal(parts["other_adjustments"]) == emv
        given = reporting["returns"]["time_weighted"]
        missing, funded, closed = missing + (given is None), funded + (bmv == 0), closed + (emv == 0)
        if given is not None:
            ours = Fraction(emv - net_flow) / Fraction(bmv) - 1 if bmv else Fraction(emv) / Fraction(net_flow) - 1
            assert abs(ours - Fraction(given)) <= Fraction(1, 2 * 10**8)
    assert missing > 10
    assert (funded, closed) == (7, 4)
    assert sum(account.undefined for account in samples.truth["vendor_c"].accounts.values()) == 0


def test_the_late_day_comes_after_all_others_and_the_restatement_last(samples: Samples) -> None:
    names = list(days(samples))
    assert len(names) == 20 + 2
    assert names[-1] == "vendor_d_20240624_v2.parquet"
    assert names[-2] == "vendor_d_20240610.parquet"
    assert names[:-2] == sorted(names[:-2])
    assert max(names) == "vendor_d_20240628.parquet"


def test_the_file_sent_again_is_the_same_bytes_under_another_name(samples: Samples) -> None:
    content = {file.name: file.content for file in files_of(samples, "vendor_d")}
    assert content["vendor_d_20240617_resend.parquet"] == content["vendor_d_20240617.parquet"]
    assert samples.truth["vendor_d"].files["vendor_d_20240617_resend.parquet"].status == "DUPLICATE"
    assert len(set(content.values())) == 21


def test_the_restatement_changes_some_accounts_and_leaves_the_others(samples: Samples) -> None:
    frames = days(samples)
    changed = frames["vendor_d_20240624.parquet"].join(
        frames["vendor_d_20240624_v2.parquet"], on=["AccountNumber", "EndMarketValue", "TWRReturn"], how="anti"
    )
    assert changed["AccountNumber"].to_list() == ["PX000000", "PX000010", "PX000020"]


def test_the_days_that_count_roll_forward_add_up_and_link_to_the_truth(samples: Samples) -> None:
    frames = days(samples)
    counting = (
        pl.concat(frame for name, frame in frames.items() if name not in {"vendor_d_20240617_resend.parquet", "vendor_d_20240624.parquet"})
        .sort("AccountNumber", "ValuationDate")
        .with_columns(last=pl.col("EndMarketValue").shift(1).over("AccountNumber"))
    )
    inflow, outflow, ending = pl.col("Additions"), pl.col("Withdrawals"), pl.col("EndMarketValue")
    earned = pl.col("Income") + pl.col("GainLoss") - pl.col("Fees") + pl.col("Adjustments")
    assert counting.select((pl.col("BeginMarketValue") + inflow - outflow + earned == ending).all()).item()
    assert counting.select((pl.col("last").is_null() | (pl.col("last") == pl.col("BeginMarketValue"))).all()).item()
    grown = ((ending + outflow).cast(pl.Float64) / (pl.col("BeginMarketValue") + inflow).cast(pl.Float64)).alias("r")
    assert counting.select(((grown - 1 - pl.col("TWRReturn")).abs() < 6e-7).all()).item()
    linked = dict(counting.group_by("AccountNumber").agg(grown.product() - 1).iter_rows())
    truth = samples.truth["vendor_d"].accounts
    assert {account: float(reported.cumulative_twrr) for account, reported in truth.items()} == pytest.approx(linked, abs=1e-12)
    assert {reported.rows for reported in truth.values()} == {20}


def test_the_parquet_columns_are_exact_money_dates_and_floats(samples: Samples) -> None:
    kinds = Counter(str(kind) for kind in days(samples)["vendor_d_20240628.parquet"].dtypes)
    assert kinds == {"Decimal(precision=38, scale=2)": 8, "String": 3, "Float64": 2, "Date": 1}


def test_the_smallest_samples_can_be_made() -> None:
    tiny = make_samples(seed=1, accounts=1, last_month=LAST_MONTH, months=1, days=4)
    assert [len(truth.files) for truth in tiny.truth.values()] == [1, 1, 1, 6]


def test_too_few_days_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 account, 1 month and 4 days"):
        make_samples(seed=1, last_month=LAST_MONTH, days=3)
    with pytest.raises(ValueError, match="25 accounts, 0 months"):
        make_samples(seed=1, accounts=25, last_month=LAST_MONTH, months=0)


def test_every_thirteenth_document_from_the_first_on_lacks_its_return(samples: Samples) -> None:
    lacking = [place for place, row in enumerate(documents(samples)) if "'time_weighted': None" in str(row["reporting"]["returns"])]
    assert lacking == list(range(0, len(documents(samples)), 13))
