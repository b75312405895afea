"""Searches as commands that a person can paste."""

import shlex

from hypothesis import given
from hypothesis import strategies as st

from iwds.sources._ldapsearch import Shell
from iwds.sources._search import Search


def test_a_search_as_a_command_is_safe_to_paste() -> None:
    search = Search("ou=O'Brien,dc=example", "one", "(&(uid=*)(!(uid=$HOME)))", ("uid", "cn"), 500)

    line = Shell("ldap://h", "cn=admin", starttls=True, ca_file="/a b/ca.pem").line(search)

    assert line == (
        "LDAPTLS_CACERT='/a b/ca.pem' ldapsearch -LLL -o ldif-wrap=no -H ldap://h -ZZ -x -D cn=admin -W "
        """-b 'ou=O'"'"'Brien,dc=example' -s one -E '!pr=500/noprompt' '(&(uid=*)(!(uid=$HOME)))' uid cn"""
    )


def test_an_anonymous_search_without_pages_as_a_command() -> None:
    search = Search("", "base", "(objectClass=*)", ("+",))

    assert Shell("ldaps://h").line(search) == (
        "ldapsearch -LLL -o ldif-wrap=no -H ldaps://h -x -b '' -s base '(objectClass=*)' +"
    )


def test_a_certificate_takes_the_place_of_account_and_password() -> None:
    shell = Shell("ldaps://h", external=True, certificate="/c.pem", key="/k.pem", verify=False)

    assert shell.words(Search("", "base", "(cn=*)", ()))[:12] == (
        *("LDAPTLS_CERT=/c.pem", "LDAPTLS_KEY=/k.pem", "LDAPTLS_REQCERT=never", "ldapsearch", "-LLL", "-o"),
        *("ldif-wrap=no", "-H", "ldaps://h", "-Q", "-Y", "EXTERNAL"),
    )


@given(st.text(), st.text(), st.text())
def test_a_shell_reads_back_what_was_meant(base: str, account: str, text: str) -> None:
    words = Shell("ldaps://h", account).words(Search(base, "subtree", text, ("cn",), 9))

    meant = ["-b", base, "-s", "sub", "-E", "!pr=9/noprompt", text, "cn"]
    assert shlex.split(" ".join(words))[-8:] == meant
