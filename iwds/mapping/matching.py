"""The rules of a mapping file by which people are recognised, and what is stored so that they are."""

from iwds.core.recognition import By, Matching, MatchRule
from iwds.mapping.document import Document


def compile_matching(document: Document) -> Matching:
    """What the file says; by the login name where it says nothing, after the anchor where that is stored."""
    key = document.store_anchor or ""
    if document.matching is None:
        return Matching((MatchRule(By.ANCHOR), MatchRule(By.LOGIN)), key) if key else Matching()
    return Matching(tuple(MatchRule(rule.by, rule.compare == "exact") for rule in document.matching), key)
