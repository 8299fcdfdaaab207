"""The heartbeat: a small file that says when the sensors were last looked at and which of them fail, for a monitor outside.

It needs no warehouse: one that does not answer is reported in it, and where nobody writes it any more it grows old.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from advisory_perf.errors import SettingsError

LATE = timedelta(minutes=3)
"""A heartbeat that is older says that nobody looks any more; one is due every half minute."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """When the sensors were looked at, each that fails with its reason, and why the warehouse took nothing, if so."""

    beat_at: datetime
    red: dict[str, str] = field(default_factory=dict)
    warehouse: str | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """Whether everything works by itself, and a sentence for each thing that does not."""

    is_healthy: bool
    says: tuple[str, ...]


def health_of(heartbeat: Heartbeat | None, *, now: datetime) -> Health:
    """What the heartbeat says now. Pure."""
    if heartbeat is None:
        return Health(is_healthy=False, says=("there is no heartbeat yet: start the daemon and the code server",))
    says = [f"the sensor {name} fails: {why}" for name, why in heartbeat.red.items()]
    if heartbeat.warehouse is not None:
        says.append(heartbeat.warehouse)
    if now - heartbeat.beat_at > LATE:
        says.insert(0, f"the last heartbeat was at {heartbeat.beat_at:%Y-%m-%d %H:%M} UTC: start the daemon and the code server")
    return Health(is_healthy=not says, says=tuple(says))


def write_heartbeat(path: Path, heartbeat: Heartbeat) -> None:
    """Replaces the file as a whole; SettingsError where its folder does not take it."""
    is_healthy = health_of(heartbeat, now=heartbeat.beat_at).is_healthy
    content = {**asdict(heartbeat), "beat_at": heartbeat.beat_at.isoformat(), "is_healthy": is_healthy}
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(content, indent=1), encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise SettingsError(
            f"the heartbeat {path} cannot be written ({error.strerror}); set ADVISORY_PERF_HEARTBEAT_FILE to a file that can be"
        ) from error
    finally:
        if path.parent.is_dir():
            partial.unlink(missing_ok=True)


def read_heartbeat(path: Path) -> Heartbeat | None:
    """The heartbeat; none where no sensor has written one. SettingsError where the file is not one."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Heartbeat(datetime.fromisoformat(content["beat_at"]), dict(content["red"]), content["warehouse"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(f"the heartbeat {path} cannot be read ({type(error).__name__}); remove it, and it is written again") from error
