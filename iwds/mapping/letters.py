"""Text in plain Latin letters, from any script."""

import unicodedata
from collections.abc import Callable, Mapping


def transliterated(text: str) -> str:
    """The text in ASCII: accents go, other scripts are written in Latin letters as far as one letter tells."""
    if text.isascii():
        return text
    import anyascii

    return str(anyascii.anyascii(unicodedata.normalize("NFC", text)))


def transliteration(own: Mapping[str, str]) -> Callable[[str], str]:
    """The same, after letters of one's own: `{ä: ae}` makes `ae` of `ä`, and `Ae` of `Ä` where that has no own line."""
    large = {key.upper(): put.capitalize() for key, put in own.items() if len(key.upper()) == 1}
    table = str.maketrans({**large, **own})
    return lambda text: transliterated(unicodedata.normalize("NFC", text).translate(table))
