"""The reason in a text of Active Directory."""

import pytest

from iwds.sources._refusals import reason

TEXT = "80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data {code}, v3839"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        *(("525", "no such account"), ("52e", "wrong"), ("52E", "wrong"), ("530", "hour"), ("531", "from here")),
        *(("532", "expired"), ("533", "disabled"), ("701", "expired"), ("773", "changed"), ("775", "locked")),
    ],
)
def test_each_number_has_words(code: str, said: str) -> None:
    assert said in reason(TEXT.format(code=code))


@pytest.mark.parametrize("text", ["", "invalid credentials", "data 0, v1db1", "data 52eff, v1", "metadata 52e"])
def test_any_other_text_has_none(text: str) -> None:
    assert reason(text) == ""
