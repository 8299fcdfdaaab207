"""Typed settings; the only reader of the environment.

Everything has a default that works on one machine: a home folder with a folder lake and an embedded PostgreSQL. Production
sets ADVISORY_PERF_LAKE_URL and ADVISORY_PERF_WAREHOUSE_URL; nothing else differs.
"""

from functools import cached_property
from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What an installation can choose, each as ADVISORY_PERF_<NAME>."""

    model_config = SettingsConfigDict(env_prefix="ADVISORY_PERF_", env_ignore_empty=True, frozen=True)

    home: Path = Field(default=Path(".advisory_perf"), description="folder of the embedded lake, warehouse and Dagster instance")
    lake_url: str | None = Field(default=None, description="s3://bucket/prefix, or a folder; by default <home>/lake")
    warehouse_url: str | None = Field(default=None, description="postgresql://…; by default the embedded server in <home>")
    dagster_url: str | None = Field(default=None, description="postgresql+psycopg2://… of Dagster's own storage; by default embedded")
    feeds_dir: Path | None = Field(default=None, description="folder with further feed files")
    s3_endpoint_url: str | None = Field(default=None, description="for S3-compatible stores; by default AWS")
    s3_region: str = Field(default="us-east-1", description="region of the bucket")
    log_level: str = Field(
        default="WARNING", pattern="^(DEBUG|INFO|WARNING|ERROR|CRITICAL)$", description="what runs print; the UI has all"
    )
    pass_rate: float = Field(default=0.95, ge=0, le=1, description="reconciliation pass rate that has to be exceeded, or a check warns")
    settle_seconds: float = Field(default=5, ge=0, description="a file in incoming is landed when it has not changed for so long")
    max_bytes: int = Field(
        default=2 << 30, ge=1, description="the largest delivery that is read; reading takes about four times as much memory"
    )
    max_expanded_bytes: int = Field(default=4 << 30, ge=1, description="the most that a packed delivery may unpack to")
    max_rows: int = Field(default=20_000_000, ge=1, description="the most rows of a delivery")
    max_columns: int = Field(default=2_000, ge=1, description="the most columns of a delivery")
    max_nesting: int = Field(default=64, ge=2, le=200, description="the most levels of arrays and objects in a JSON delivery")
    attempts: int = Field(default=3, ge=1, description="how often the sensors try a landing or a lane before they leave it to a person")

    alerts_url: str | None = Field(
        default=None, repr=False, description="where alerts are sent: https://…, smtp://… or sns://…; by default they are only kept"
    )
    alerts_severity: str = Field(
        default="MEDIUM", pattern="^(LOW|MEDIUM|HIGH|CRITICAL)$", description="the least severity that is sent; all are kept"
    )

    @field_validator("home", "feeds_dir")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return value.expanduser().resolve() if value is not None else None

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
        """The settings as environment variables, for the processes that Dagster starts."""
        set_here = {name: getattr(self, name) for name in type(self).model_fields}
        return {f"ADVISORY_PERF_{name.upper()}": str(value) for name, value in set_here.items() if value is not None}
