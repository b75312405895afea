"""What MSAL sends for us is right by the rules of OpenID, and not only by those of our own stand-in.

The authority is a certified provider from npm. Nothing needs it: where it is not there these tests are skipped, also
under REQUIRE_ALL. It comes with:  npm install --prefix .tools/oidc oidc-provider@9.13.3
"""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from iwds.errors import AccessRefused
from iwds.sources.entra import EntraSource
from tests.graph.authority import APP
from tests.graph.server import GraphServer
from tests.graph.tenant import TENANT

ROOT = Path(__file__).parents[3]
FOLDER = Path(os.environ.get("OIDC_PROVIDER", ROOT / ".tools/oidc"))
Connect = Callable[..., EntraSource]

pytestmark = pytest.mark.skipif(
    not shutil.which("node") or not (FOLDER / "node_modules/oidc-provider").is_dir(),
    reason="Node or npm's oidc-provider is not there (npm install --prefix .tools/oidc oidc-provider@9.13.3)",
)


@contextmanager
def provider(graph: GraphServer, keys: list[dict[str, str]] | None = None) -> Iterator[dict[str, str]]:
    """The provider with our application; gives the `cloud` of a source that signs in there."""
    chain = graph.ca_file.with_name("graph-server.pem")
    needs = {"tenant": TENANT, "chain": str(chain), "scope": f"{graph.origin}/.default", "app": APP, "secret": "right"}
    command = ["node", str(ROOT / "tests/graph/oidc.mjs"), str(FOLDER)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps({**needs, **({"keys": keys} if keys else {})}))
        process.stdin.close()
        lines = (line.strip() for line in process.stdout)
        yield {"authority": next(line for line in lines if line.startswith("https://")), "graph": graph.origin}
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def token(source: EntraSource) -> str:
    return source._graph().sign_in.token()


def test_a_secret_is_taken_and_a_wrong_one_is_not(source: Connect, graph: GraphServer) -> None:
    with provider(graph) as cloud:
        assert token(source(cloud=cloud))
        with pytest.raises(AccessRefused, match="refuses the application"):
            token(source(cloud=cloud, client_secret="wrong"))


def test_a_certificate_is_taken_and_that_of_somebody_else_is_not(
    source: Connect, graph: GraphServer, tmp_path: Path
) -> None:
    ours, other = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    with provider(graph, [_jwk(ours)]) as cloud:
        assert token(source(cloud=cloud, certificate=_written(tmp_path / "ours.pem", ours)))
        with pytest.raises(AccessRefused, match="refuses the application"):
            token(source(cloud=cloud, certificate=_written(tmp_path / "other.pem", other)))


def _written(file: Path, key: rsa.RSAPrivateKey) -> str:
    name, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "iwds")]), datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(now).not_valid_after(now + timedelta(days=9))
    public = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    file.write_bytes(public + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return str(file)


def _jwk(key: rsa.RSAPrivateKey) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    return {"kty": "RSA", "use": "sig", "alg": "PS256", "n": _coded(numbers.n), "e": _coded(numbers.e)}


def _coded(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8, "big")).decode().rstrip("=")
