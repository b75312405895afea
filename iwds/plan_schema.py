"""The form of a plan's JSON document, for programs that read one. `core.plan_document` writes and reads it."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from iwds.core.approval import Needed
from iwds.core.change import Evidence
from iwds.core.decision import Reason
from iwds.core.guards import GuardKind
from iwds.core.model import Absent, Activation

Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Anchor = Annotated[list[str], Field(min_length=2, max_length=2, description="Realm and id of the entry.")]
GroupOf = tuple[int, str, int]
"""Id, name and policy of a group of the service."""
Numbers = list[tuple[int, int]]
Names = list[tuple[int, str]]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Subject(_Part):
    """Whom a step is about: `id` is that of the login, null where there is none yet."""

    login: str
    anchor: Anchor | None
    id: int | None


class Login(_Part):
    """A login with every field; null where the service did not tell it. `status` 0 is active, 1 locked."""

    id: int
    login: str
    firstname: str | None
    name: str | None
    mail: str | None
    phone: str | None
    role: int | None
    status: int | None
    extra: str | None
    created_by: int | None


class AtCreation(_Part):
    """What is given once."""

    activation: Activation
    language: str
    access: int
    login2: str
    login3: str


class Account(_Part):
    """A login as it should be; null for what is not governed."""

    group_roles: list[tuple[str, str]] = []
    anchor: Anchor
    login: str
    firstname: str | None
    name: str | None
    mail: str | None
    phone: str | None
    role: int | None
    enabled: bool | None
    groups: list[str] | None
    extra: list[tuple[str, str]]
    at_creation: AtCreation


class Loss(_Part):
    """What goes with a deleted login: devices by kind, groups by name with the role there, the last use."""

    devices: list[tuple[str, int]]
    groups: list[tuple[str, int]]
    last_seen: int | None


class _Change(_Part):
    subject: Subject
    because: str
    evidence: Evidence | None = None


class Create(_Change):
    """A new login."""

    do: Literal["create"]
    account: Account


class Write(_Change):
    """The one write of a login."""

    do: Literal["write"]
    before: Login
    after: Login
    cause: str = ""


class Delete(_Change):
    """A deletion."""

    do: Literal["delete"]
    before: Login
    groups: list[int]
    cause: str = ""
    lost: Loss | None = None


class Add(_Change):
    """Into a group."""

    do: Literal["add"]
    group: GroupOf
    role: int | None = None
    names: Names = []


class GroupRole(_Change):
    """Another role in a group."""

    do: Literal["group-role"]
    group: GroupOf
    before: int
    after: int
    names: Names = []
    cause: str = ""


class Remove(_Change):
    """Out of a group."""

    do: Literal["remove"]
    group: GroupOf
    cause: str = ""
    role: int | None = None


class Adopt(_Change):
    """A login into our ledger; nothing is sent."""

    do: Literal["adopt"]
    login: Login
    groups: list[int]
    roles: Numbers = []


class AdoptGroup(_Change):
    """A membership into our ledger; nothing is sent."""

    do: Literal["adopt-group"]
    group: GroupOf
    role: int | None = None


class Mail(_Change):
    """The activation link of a login that is created here. The link itself is in no document."""

    do: Literal["mail"]


class Forget(_Change):
    """Out of our ledger; nothing is sent."""

    do: Literal["forget"]
    group: GroupOf | None


Change = Annotated[
    Create | Write | Delete | Add | GroupRole | Remove | Adopt | AdoptGroup | Mail | Forget,
    Field(discriminator="do"),
]


class Skip(_Part):
    """A step that is not taken: `change` is what would have been made."""

    subject: Subject
    reason: Reason
    detail: str
    change: Change | None = None


class View(_Part):
    """From where a reading was taken."""

    account: str
    server: str
    began: int
    ended: int
    places: dict[str, int]
    mark: str
    gone: int


class Proof(_Part):
    """Why a reading is believed, or why not."""

    name: str
    realm: str
    asked: str
    count: int
    reasons: list[str]
    problems: list[str]
    taken_at: datetime
    presence: dict[str, int]
    view: View
    withheld: list[str]
    proven: bool


class Tally(_Part):
    """What was counted on both sides."""

    people: int
    absent: dict[Absent, int]
    logins: int
    rows: int
    unbelieved: int
    retagged: int
    population: int
    administrators: int


class Gauge(_Part):
    """One guard's reading."""

    kind: GuardKind
    of: str
    observed: int
    recent: int
    limit: int
    population: int
    causes: dict[str, int]
    allowed: int | None


class Selection(_Part):
    """What a person chose and allowed."""

    only: list[str]
    allow: dict[str, int]
    reason: str


class Rule(_Part):
    """The rule about approvals that the plan was made under; `stands` in seconds."""

    needed: Needed
    two_people_above: int | None
    stands: float


class Basis(_Part):
    """The facts that the plan rests on."""

    sources: list[Proof]
    service: Proof
    tally: Tally
    config_digest: str
    config_changed: bool
    first_run: bool
    gauges: list[Gauge]
    selection: Selection
    agreed: int
    matched: int
    notes: list[str]
    aspects: list[str] = []
    accepted_by: str = ""
    approval: Rule | None = None
    to_approve: int = 0
    parts: dict[str, Hash] = {}
    lacking: list[str] = []
    ordered: str = ""
    looked_at: int | None = None


class PersonalData(_Part):
    """Whose data the document holds."""

    people: int
    holds: str


class PlanDocument(_Part):
    """A plan of iwds. It holds people's data: keep it from others, and delete it by `delete_by`.

    Documents of older versions lack `valid_until`, `delete_by`, `personal_data` and `document_digest`.
    """

    schema_: Literal[1] = Field(alias="schema")
    id: str
    job: str
    service: str
    made_at: datetime
    valid_until: datetime | None = None
    delete_by: datetime | None = None
    personal_data: PersonalData | None = None
    digest: Hash
    basis: Basis
    changes: list[Change]
    skips: list[Skip]
    document_digest: Hash | None = None
