"""Where the schema and the Dagster instance are: at the top of a checkout, in the package where only that is installed."""

from pathlib import Path


def packaged(name: str) -> Path:
    """The file or folder of that name, as `setup.py` put it into the package, or as it stands at the top of the checkout."""
    package = Path(__file__).parent
    inside = package / name
    return inside if inside.exists() else package.parent / name
