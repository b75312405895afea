"""Telephone numbers as E.164. The library is loaded only where a mapping has some."""

from phonenumbers import (
    NumberParseException,
    PhoneNumber,
    PhoneNumberFormat,
    ValidationResult,
    format_number,
    is_possible_number_with_reason,
    parse,
    region_code_for_country_code,
)

_LENGTHS = {
    ValidationResult.TOO_SHORT: "too short for a number",
    ValidationResult.TOO_LONG: "too long for a number",
    ValidationResult.INVALID_LENGTH: "neither as short nor as long as a number",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "without its area code, too short for a number",
}
_UNREADABLE = {
    NumberParseException.INVALID_COUNTRY_CODE: "it begins with the code of no country",
    NumberParseException.TOO_SHORT_AFTER_IDD: "nothing stands behind the code that leads abroad",
    NumberParseException.TOO_SHORT_NSN: "too short for any number",
    NumberParseException.TOO_LONG: "too long for any number",
}


class NoNumber(Exception):
    """What is wrong with a number, in words."""


def e164(text: str, region: str) -> str:
    """A number such as +33612345678, of a text without a country code as one of this region. Raises `NoNumber`.

    Without its extension it would be another number.
    """
    try:
        found = parse(text, region)
    except NumberParseException as error:
        raise NoNumber(_UNREADABLE.get(error.error_type, "it is not written like one")) from None
    length = is_possible_number_with_reason(found)
    if length != ValidationResult.IS_POSSIBLE:
        raise NoNumber(f"{_LENGTHS.get(length, 'unlike a number')} of {_country(found)}")
    if found.extension:
        raise NoNumber(f"it has an extension ({found.extension}), for which E.164 has no place")
    return str(format_number(found, PhoneNumberFormat.E164))


def _country(found: PhoneNumber) -> str:
    region = str(region_code_for_country_code(found.country_code or 0))
    return region if region.isalpha() else f"+{found.country_code}"
