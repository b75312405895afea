"""The provisioning target keeps the contract against a local MFA service over HTTP, in pages of seven.

It does so in both dialects: the API document and the published description disagree about what some answers hold.
"""

from collections.abc import Iterator

import pytest

from iwds.sandbox.server import SandboxThread
from iwds.targets.provisioning import ProvisioningTarget, Settings, connect
from tests.contract.target_contract import SEATS, TAG, TargetContract
from tests.servers.relay import PUBLISHED, SEED, Drops, Relay


def connected(url: str) -> ProvisioningTarget:
    settings = Settings(
        kind="provisioning", url=url, service_id=10408, provisioning_id=TAG, page_size=7, group_roles={"auditor": 17}
    )
    return connect("mfa", settings)


class TestProvisioning(TargetContract):
    @pytest.fixture
    def target(self) -> Iterator[ProvisioningTarget]:
        with SandboxThread(max_logins=SEATS) as sandbox:
            target = connected(sandbox.url)
            yield target
            target.reader.close()


class InDialect(TargetContract):
    drops: Drops

    @pytest.fixture
    def target(self) -> Iterator[ProvisioningTarget]:
        with SandboxThread(max_logins=SEATS) as sandbox, Relay(sandbox.url, self.drops) as relay:
            target = connected(relay.url)
            yield target
            target.reader.close()


class TestInTheDialectOfTheDocument(InDialect):
    drops = SEED


class TestInTheDialectOfThePublishedDescription(InDialect):
    drops = PUBLISHED
