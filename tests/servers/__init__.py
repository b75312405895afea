"""Real servers for the tests: where one cannot run, the tests that need it are skipped with the reason."""

import os
import shutil

import pytest


def require(binary: str, package: str = "") -> None:
    """Skip the test where a program is missing; fail instead where REQUIRE_ALL=1 says that it must be here."""
    found = shutil.which(binary, path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin")))
    if not found:
        absent(f"{binary} is not installed" + (f" (Debian: apt-get install {package})" if package else ""))


def absent(reason: str) -> None:
    """Skip with this reason, or fail with it under REQUIRE_ALL=1."""
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(f"REQUIRE_ALL=1, but {reason}")
    pytest.skip(reason)


def not_in_ci(reason: str) -> pytest.MarkDecorator:
    """For what proves little more than its neighbours and takes long: ./test runs it, and so does `make nightly`."""
    return pytest.mark.skipif(os.environ.get("HYPOTHESIS_PROFILE") == "ci", reason=f"not in CI: {reason}")
