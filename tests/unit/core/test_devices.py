"""A code is shown to whoever asks for it, and to nobody else."""

from iwds.core.devices import Code


def test_a_code_prints_as_stars_and_is_told_on_purpose_only() -> None:
    code = Code("123456")

    assert (f"{code}", repr(code)) == ("Code(***)", "Code(***)")
    assert code.reveal() == "123456"
