"""The provisioning target keeps the contract against a local MFA service over HTTP, in pages of seven."""

from collections.abc import Iterator

import pytest

from iwds.sandbox.server import SandboxThread
from iwds.targets.provisioning import ProvisioningTarget, Settings, connect
from tests.contract.target_contract import SEATS, TAG, TargetContract


class TestProvisioning(TargetContract):
    @pytest.fixture
    def target(self) -> Iterator[ProvisioningTarget]:
        with SandboxThread(max_logins=SEATS) as sandbox:
            settings = Settings(
                kind="provisioning", url=sandbox.url, service_id=10408, provisioning_id=TAG, page_size=7,
                group_roles={"auditor": 17},
            )  # fmt: skip
            target = connect("mfa", settings)
            yield target
            target.reader.close()
