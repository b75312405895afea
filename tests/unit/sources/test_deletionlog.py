"""What a log of writes proves of deletions, and what it does not."""

import pytest

from iwds.sources._changed import Place
from iwds.sources._deletionlog import Deletions, deletions, logged
from iwds.sources._directory import Directory
from tests.unit.sources.ldaptree import GROUPS, SUFFIX, Tree, csn

LOG = "cn=accesslog"
DIRECTORY = Directory("acme", (SUFFIX,), (SUFFIX, LOG))
MARK = 30
DEVS = f"cn=devs,{GROUPS}"


@pytest.fixture
def tree() -> Tree:
    """A log that began before the mark."""
    tree = Tree()
    tree.add(LOG, 0, objectClass="auditContainer", minCSN=csn(1))
    return tree


def write(tree: Tree, second: int, name: str, key: str = "1", **shown: str) -> str:
    """Note a deletion; returns the name of the line."""
    line = f"reqStart={second},{LOG}"
    said = {"objectClass": "auditDelete", "reqResult": "0", "reqEntryUUID": key, "reqDN": name, **shown}
    tree.add(line, second, second, **said)
    return line


def since(tree: Tree, after: int = 0, was: Place | None = None) -> Deletions:
    """What the log says of the time from a second on."""
    return deletions(tree, DIRECTORY, {SUFFIX: was or Place(told={"000": csn(MARK)})}, csn(after), 0)


@pytest.mark.parametrize("was", [Place(told={"000": csn(MARK)}), Place({"000": csn(0)}, {"000": csn(MARK)})])
def test_only_a_name_that_was_deleted_after_the_mark_is_a_group_no_more(tree: Tree, was: Place) -> None:
    write(tree, MARK - 5, DEVS, "before")
    write(tree, MARK + 5, f"cn=Ops, {GROUPS}", "since")

    found = since(tree, MARK - 10, was)

    assert found.names == {"before": DEVS, "since": f"cn=ops,{GROUPS}"}
    assert found.new == {f"cn=ops,{GROUPS}"}
    assert not found.blind


def test_what_was_deleted_elsewhere_is_nobody(tree: Tree) -> None:
    write(tree, MARK + 5, "cn=devs,dc=other")

    assert since(tree) == Deletions()


@pytest.mark.parametrize("hidden", ["reqEntryUUID", "reqDN"])
def test_a_log_that_hides_who_was_deleted_is_blind(tree: Tree, hidden: str) -> None:
    tree.hidden.add((write(tree, MARK + 5, DEVS), hidden))

    found = since(tree)

    assert hidden in found.blind
    assert not found.names


def test_a_log_that_begins_after_the_mark_is_blind(tree: Tree) -> None:
    tree.entries[LOG]["minCSN"] = [csn(MARK + 1)]

    assert "does not reach back" in since(tree).blind


def test_a_log_that_cannot_be_read_is_blind(tree: Tree) -> None:
    tree.hidden.add((LOG, "*"))

    assert "no log of the deletions" in since(tree).blind


def test_of_one_id_the_log_is_asked_whatever_the_mark(tree: Tree) -> None:
    write(tree, 5, DEVS, "1")
    write(tree, 6, "cn=devs,dc=other", "2")

    assert [logged(tree, DIRECTORY, key) for key in "12"] == [True, False]
