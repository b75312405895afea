"""What is said after a name that nobody knows."""

from iwds.core.nearest import close, nearest


def test_a_name_that_looks_like_a_known_one_is_asked_about() -> None:
    assert close("vnp", ("vpn", "wiki")) == nearest("vnp", ("vpn", "wiki")) == ' (did you mean "vpn"?)'


def test_else_the_known_ones_are_listed_where_there_are_any() -> None:
    assert close("printers", ("vpn", "wiki")) == nearest("printers", ()) == ""
    assert nearest("printers", ("wiki", "vpn")) == " (known: vpn, wiki)"
