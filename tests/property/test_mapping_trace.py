"""What `iwds mapping try` says of each rule is what the whole mapping makes of the person, for any person."""

from hypothesis import given

from iwds.core.model import Absent, Account, Entry, Unmapped
from iwds.mapping import Document
from iwds.mapping.trace import Piece, Trace, trace
from iwds.yamlmarks import validate
from tests.property import test_mapping as mapping

DOCUMENT = validate(Document, mapping._MARKED.data, mapping._MARKED.where)


def parts(seen: Trace, key: str) -> tuple[Piece, ...]:
    piece = seen.about(key)
    assert piece is not None
    return piece.parts


def text(seen: Trace, key: str) -> object:
    piece = seen.about(key)
    assert piece is not None
    return piece.result


@given(mapping.people)
def test_the_pieces_of_a_trace_come_to_what_the_rules_make_of_anybody(entry: Entry) -> None:
    seen = trace(DOCUMENT, mapping._MARKED.where, entry, mapping.NOW)

    made = mapping.RULES.map(entry, mapping.NOW)
    assert seen.outcome == made
    excluded = any(part.result for part in parts(seen, "exclude"))
    scope = [part.result for part in parts(seen, "scope")]
    assert excluded is (isinstance(made, Unmapped) and made.reason is Absent.EXCLUDED)
    if isinstance(made, Account):
        assert all(answer is True for answer in scope)
        assert_account(made, seen)
    elif not excluded:
        assert (made.reason is Absent.OUT_OF_SCOPE) is (text(seen, "login") is not None and False in scope)
        assert made.reason is Absent.OUT_OF_SCOPE or None in scope or not str(text(seen, "login") or "").strip()


def assert_account(made: Account, seen: Trace) -> None:
    login = text(seen, "login")
    assert isinstance(login, str)
    assert login.strip() == made.login
    for key in ("firstname", "name", "mail", "phone", "enabled"):
        assert text(seen, key) == getattr(made, key), key
    assert text(seen, "role") == (None if made.role is None else made.role.name.lower())
    assert text(seen, "language") in (made.at_creation.language, None) or made.at_creation.language == "en"
    assert {part.path[-1]: part.result for part in parts(seen, "extra") if part.result is not None} == dict(made.extra)
    assert_groups(made, seen)


def assert_groups(made: Account, seen: Trace) -> None:
    answers: dict[str, set[object]] = {}
    for part in parts(seen, "groups"):
        answers.setdefault(part.about, set()).add(part.result)
    decided = {to: True if True in said else None if None in said else False for to, said in answers.items()}
    if made.groups is None:
        assert None in decided.values()
    else:
        assert made.groups == {to for to, said in decided.items() if said}


@given(mapping.people)
def test_the_last_step_of_a_value_is_the_value_and_the_answers_of_rules_say_which_role(entry: Entry) -> None:
    seen = trace(DOCUMENT, mapping._MARKED.where, entry, mapping.NOW)

    for piece in seen.pieces:
        for value in (piece, *piece.parts):
            last = value.parts[-1] if value.parts else value
            if value.kind == "text" and value.path[0] != "role" and last.path[:-1] == value.path:
                assert last.result == value.result
    rules = [part for part in parts(seen, "role") if part.kind == "question"]
    first = next((part for part in rules if part.result is not False), None)
    expected = "user" if first is None else first.about if first.result else None
    assert text(seen, "role") == expected
