"""`iwds --help` is quick because heavy libraries are imported by the commands that need them."""

import subprocess
import sys

HEAVY = (
    "sqlalchemy",
    "ldap3",
    "zeep",
    "lxml",
    "msal",
    "apscheduler",
    "starlette",
    "uvicorn",
    "cryptography",
    "alembic",
)


def test_the_command_line_loads_no_heavy_library_before_a_command_needs_it() -> None:
    code = f"import sys, iwds.cli.app; print([m for m in {HEAVY!r} if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stdout.strip() == "[]"
