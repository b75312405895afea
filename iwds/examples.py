"""Where the teaching files are: beside the package in a checkout, inside it when it was installed."""

from pathlib import Path

_INSTALLED = Path(__file__).parent / "_examples"
_CHECKOUT = Path(__file__).parent.parent

FOLDERS = ("mappings", "golden", "schedules", "schemas")
"""What belongs to the example configuration."""


def folder() -> Path:
    """The folder that holds `config.example.yaml` and `FOLDERS`."""
    return _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT


def config() -> Path:
    """The example configuration."""
    return folder() / "config.example.yaml"
