"""Typed settings; the only reader of the environment.

Everything has a default that works on one machine: a home folder with a folder lake and an embedded PostgreSQL. Production
sets ADVISORY_PERF_LAKE_URL and ADVISORY_PERF_WAREHOUSE_URL; nothing else differs.
"""

import os
import re
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_RUNS, _PROCESSES = 4, 2


def _share_of_the_memory() -> int:
    """What one reader may have if all read at once: of three quarters of the memory of the machine, or of the container if that has less.

    Four runs may be under way, and each holds in a process of its own what its reader has made.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    reported = limit.read_text(encoding="ascii").strip() if limit.is_file() else "max"
    return max(min(memory, int(reported) if reported.isdecimal() else memory) // 4 * 3 // (_RUNS * _PROCESSES), 1 << 28)


_LAKE = re.compile(r"s3://[A-Za-z0-9][A-Za-z0-9._-]+(/[^?#@:]*)?|file:///[^?#]*")


class Settings(BaseSettings):
    """What an installation can choose, each as ADVISORY_PERF_<NAME>."""

    model_config = SettingsConfigDict(env_prefix="ADVISORY_PERF_", env_ignore_empty=True, frozen=True, hide_input_in_errors=True)

    home: Path = Field(default=Path(".advisory_perf"), description="folder of the embedded lake, warehouse and Dagster instance")
    lake_url: str | None = Field(default=None, description="s3://bucket/prefix, or a folder; by default <home>/lake")
    warehouse_url: str | None = Field(
        default=None,
        repr=False,
        description="postgresql://… of a login that may act as the writer; by default the embedded server in <home>",
    )
    owner_url: str | None = Field(
        default=None, repr=False, description="the same for the owner, as whom `migrate` and `doctor` act; by default that of the warehouse"
    )
    reader_url: str | None = Field(
        default=None, repr=False, description="the same for the reader, as whom exports and lists act; by default that of the warehouse"
    )
    desk_url: str | None = Field(
        default=None, repr=False, description="the same for the desk, as whom breaks are signed off; by default that of the warehouse"
    )
    dagster_url: str | None = Field(
        default=None, repr=False, description="postgresql+psycopg2://… of Dagster's own storage; by default embedded"
    )
    feeds_dir: Path | None = Field(default=None, description="folder with further feed files")
    composites_dir: Path | None = Field(
        default=None, description="folder with the files of composites; by default <home>/composites where there is one"
    )
    s3_endpoint_url: str | None = Field(default=None, repr=False, description="for S3-compatible stores; by default AWS")
    s3_region: str = Field(default="us-east-1", description="region of the bucket")
    log_level: str = Field(
        default="WARNING", pattern="^(DEBUG|INFO|WARNING|ERROR|CRITICAL)$", description="what runs print; the UI has all"
    )
    pass_rate: float = Field(default=0.95, ge=0, le=1, description="reconciliation pass rate that has to be exceeded, or a check warns")
    incomparable_share: float = Field(
        default=0.2, ge=0, le=1, description="share of a vendor's figures that may compare with nothing; beyond it a check warns"
    )
    missing_share: float = Field(
        default=0.1, ge=0, le=1, description="share of the usual accounts or rows that a delivery may lack; beyond it an alert is raised"
    )
    reporting_currency: str | None = Field(
        default=None,
        pattern="^[A-Z]{3}$",
        description="ISO 4217 code of the currency that returns are reported in besides; by default none",
    )
    rates_source: str | None = Field(
        default=None, description="the vendor whose exchange rates convert into reporting_currency; goes with it, and only with it"
    )
    weight_completeness: int = Field(
        default=20, ge=0, le=100, description="weight of the accounts that are there in the quality score; the six weights are relative"
    )
    weight_validity: int = Field(default=20, ge=0, le=100, description="weight of the rows that are not quarantined")
    weight_uniqueness: int = Field(default=10, ge=0, le=100, description="weight of the rows that come once")
    weight_consistency: int = Field(default=20, ge=0, le=100, description="weight of the market value identity and the roll-forward")
    weight_timeliness: int = Field(default=10, ge=0, le=100, description="weight of the days that came by their deadline")
    weight_accuracy: int = Field(default=20, ge=0, le=100, description="weight of the figures within tolerance of the vendor's")
    least_quality: float = Field(
        default=90, ge=0, le=100, description="quality score that a feed's latest day has to reach, or an alert is raised"
    )
    material_amount: Decimal = Field(
        default=Decimal(1000), ge=0, description="a break or restatement of so much money, in the account's currency, is material"
    )
    material_return: Decimal = Field(
        default=Decimal("0.001"), ge=0, description="a break or restatement of a return by so much is material; 0.001 is 10 basis points"
    )
    deviation: str = Field(
        default="sample",
        pattern="^(sample|population)$",
        description="divisor of the deviations of monthly returns: sample (n - 1) or population (n)",
    )
    day_count: str = Field(
        default="actual/365.25",
        pattern=r"^(actual/365\.25|actual/365|months/12)$",
        description="how years since inception are counted, for annual rates: actual/365.25, actual/365 or months/12",
    )
    settle_seconds: float = Field(default=5, ge=0, description="a file in incoming is ingested when it has not changed for so long")
    max_bytes: int = Field(
        default=2 << 30, ge=1, description="the largest delivery that is read; reading takes about four times as much memory"
    )
    max_expanded_bytes: int = Field(default=4 << 30, ge=1, description="the most that a packed delivery may unpack to")
    max_rows: int = Field(default=20_000_000, ge=1, description="the most rows of a delivery")
    max_columns: int = Field(default=2_000, ge=1, description="the most columns of a delivery")
    max_nesting: int = Field(default=64, ge=2, le=200, description="the most levels of arrays and objects in a JSON delivery")
    max_cell_chars: int = Field(default=32_767, ge=1, description="the most characters of one cell")
    read_memory_bytes: int = Field(
        default_factory=_share_of_the_memory,
        ge=1 << 28,
        description="the most memory that reading one delivery takes, and twice its table; by default 3/32, as four runs may read at once",
    )
    read_seconds: int = Field(default=600, ge=1, description="the most seconds of the processor that reading one delivery takes")
    attempts: int = Field(
        default=3, ge=1, description="how often the sensors try an ingestion or a pipeline before they leave it to a person"
    )
    run_days: int = Field(default=90, ge=2, description="how long Dagster keeps runs, their events and the partitions of deliveries")
    heartbeat_file: Path | None = Field(
        default=None, description="where the sensor pulse notes its time, for a monitor outside; by default <home>/heartbeat.json"
    )

    longest_rest_seconds: float = Field(
        default=300, gt=0, description="the longest pause between the runs for what outages have failed; it starts at 5 s and doubles"
    )

    alerts_url: str | None = Field(
        default=None, repr=False, description="where alerts are sent: https://…, smtp://… or sns://…; by default they are only kept"
    )
    alerts_severity: str = Field(
        default="MEDIUM", pattern="^(LOW|MEDIUM|HIGH|CRITICAL)$", description="the least severity that is sent; all are kept"
    )

    page_hosts: str = Field(
        default="",
        description="names, with commas between, under which the web page may be asked for besides localhost, 127.0.0.1 and [::1]",
    )

    api_auth: str = Field(
        default="none",
        pattern="^(none|token|proxy|token,proxy)$",
        description="who may ask the API: none (anybody, and it listens on loopback only), token, proxy, or token,proxy",
    )
    api_tokens_file: Path | None = Field(
        default=None, description="where `advisory-perf tokens` keeps the digests of tokens; by default <home>/api_tokens.json"
    )
    api_proxy_secret: str | None = Field(
        default=None, repr=False, min_length=16, description="what an authenticating proxy sends as X-Proxy-Secret, so that it is believed"
    )
    api_proxy_addresses: str = Field(
        default="127.0.0.1,::1", description="addresses, with commas between, from which such a proxy is believed"
    )
    api_proxy_user_header: str = Field(default="X-Forwarded-User", description="the header in which the proxy names the user")
    api_proxy_groups_header: str = Field(default="X-Forwarded-Groups", description="the header with the user's groups, with commas between")
    api_readers: str = Field(default="", description="groups, with commas between, whose members are readers; `*` is everybody signed in")
    api_analysts: str = Field(default="", description="the same of analysts, who sign off, comment and assign besides")
    api_operators: str = Field(default="", description="the same of operators, who may do everything")
    api_connections: int = Field(default=8, ge=1, le=100, description="connections to the warehouse that a worker of the API has at most")

    @model_validator(mode="after")
    def _a_proxy_has_a_secret(self) -> Self:
        if "proxy" in self.api_auth and self.api_proxy_secret is None:
            raise ValueError("ADVISORY_PERF_API_AUTH has proxy, which needs ADVISORY_PERF_API_PROXY_SECRET; set it, as in the proxy")
        return self

    @model_validator(mode="after")
    def _rates_go_with_a_currency(self) -> Self:
        if (self.reporting_currency is None) != (self.rates_source is None):
            raise ValueError("ADVISORY_PERF_REPORTING_CURRENCY and ADVISORY_PERF_RATES_SOURCE go together; set both or none of them")
        return self

    @field_validator("lake_url")
    @classmethod
    def _plain(cls, value: str | None) -> str | None:
        """Nothing else is meant by an address than a place: what stands in it is shown in messages."""
        if value is not None and "://" in value and not _LAKE.fullmatch(value):
            raise ValueError("it is neither s3://bucket, nor s3://bucket/folder, nor file:///folder; keys go into AWS's own settings")
        return value

    @field_validator("home", "feeds_dir", "composites_dir", "heartbeat_file", "api_tokens_file")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return value.expanduser().resolve() if value is not None else None

    @property
    def composites(self) -> Path | None:
        """The folder of composites; None where none is set and the default one is not there."""
        usual = self.home / "composites"
        return self.composites_dir or (usual if usual.is_dir() else None)

    @property
    def tokens_file(self) -> Path:
        """Where the digests of the API's tokens lie."""
        return self.api_tokens_file or self.home / "api_tokens.json"

    @property
    def is_embedded(self) -> bool:
        """Whether the warehouse is the embedded server."""
        return self.warehouse_url is None

    @cached_property
    def lake(self) -> str:
        """The lake's address: an s3:// URL or an absolute folder."""
        if self.lake_url is None:
            return str(self.home / "lake")
        if "://" in self.lake_url:
            return self.lake_url.removeprefix("file://") if self.lake_url.startswith("file://") else self.lake_url
        return str(Path(self.lake_url).expanduser().resolve())

    def as_environment(self) -> dict[str, str]:
        """The settings as environment variables, for the processes that Dagster starts; the owner's address is not for them."""
        set_here = {name: getattr(self, name) for name in type(self).model_fields if name != "owner_url"}
        return {f"ADVISORY_PERF_{name.upper()}": str(value) for name, value in set_here.items() if value is not None}
