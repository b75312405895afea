"""Every error of the project, its exit code, and the advice that it carries.

A message says what happened and where (file and line, server, person); `advice` says what to do next, with the
command where there is one. A traceback on a user's screen is a bug.

What a failure is told by its class: transient (it may pass: Unavailable, NotSent), rejected (a no with a cause:
Rejected), unknown (it may have been done: OutcomeUnknown), fatal (repeating does not help, and everything else would
fail too: ConfigurationError, AccessRefused).

    IwdsError                      1   something failed
    ├── UsageError                64   the command line does not make sense
    ├── ConfigurationError        78   a setting, mapping or schedule is wrong; says file and line
    ├── Refused                    3   nothing was changed and someone must decide
    │   ├── ServiceUnproven        3   the service's reading contradicts itself
    │   └── LeaseHeld              3   another run holds the service
    ├── LeaseLost                  4   our lease ended while applying; no further call was made
    ├── MemoryLost                 4   the state database failed while applying; no further call was made
    ├── Stopped                    4   somebody asked the run to stop while it was still reading
    ├── Unavailable               75   worth retrying later
    │   ├── SourceUnavailable     75   a directory or a file could not be read at all
    │   │   └── ForeignRealm      75   it is another directory than the one that was asked about
    │   └── ServiceUnavailable    75   the MFA service could not be reached or answered nonsense to a read
    ├── AccessRefused             78   credentials, certificate or rights are refused; retrying does not help
    └── CallFailed                 1   one call that was to change the service did not do so
        ├── NotSent                    it certainly had no effect; may be repeated
        │   └── Busy                   the service takes no more calls for a while
        ├── Rejected                   the service said no, with a cause
        │   ├── LoginTaken             the login name is in use
        │   ├── LoginUnknown           the login id does not exist
        │   └── ServiceFull            no seat is left
        └── OutcomeUnknown             sent, but no answer that can be trusted: settle it by reading
"""


class IwdsError(Exception):
    """Base of all errors that a user may see.

    Args:
        message: what happened, where. Never holds a secret, an activation code or a link.
        advice: what to do next; empty where the message says it all.
    """

    exit_code = 1

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return self.message


class UsageError(IwdsError):
    """The command line does not make sense."""

    exit_code = 64


class ConfigurationError(IwdsError):
    """A setting, a mapping or a schedule is wrong.

    Args:
        message: what is wrong.
        advice: the way out, for example the nearest known name.
        file: path of the file as the user named it, empty if unknown.
        line: 1-based line in that file, 0 if unknown.
    """

    exit_code = 78

    def __init__(self, message: str, advice: str = "", file: str = "", line: int = 0) -> None:
        place = f"{file}:{line}: " if file and line else f"{file}: " if file else ""
        super().__init__(place + message, advice)
        self.file = file
        self.line = line


class Refused(IwdsError):
    """Nothing was changed, and someone must decide.

    Attributes:
        mailed: whether it is told on standard output too, so that cron's mail carries it. Not where that is for a code.
    """

    exit_code = 3
    mailed = True


class ServiceUnproven(Refused):
    """The reading of the service contradicts itself, so nothing may follow from it."""


class LeaseHeld(Refused):
    """Another run holds the service.

    Args:
        message: who, since when and until when.
        advice: what to do.
        holder: who, as the lease names them.
    """

    def __init__(self, message: str, advice: str = "", holder: str = "") -> None:
        super().__init__(message, advice)
        self.holder = holder


class LeaseLost(IwdsError):
    """Our lease of the service ended while applying; no further call was made."""

    exit_code = 4


class MemoryLost(IwdsError):
    """The state database failed while applying: no further call was made, and the next run settles what was."""

    exit_code = 4


class Stopped(IwdsError):
    """Somebody asked the run to stop while it was still reading; nothing was changed."""

    exit_code = 4


class Unavailable(IwdsError):
    """Something that we need does not answer; worth retrying."""

    exit_code = 75


class SourceUnavailable(Unavailable):
    """A directory or a file could not be read at all."""


class ForeignRealm(SourceUnavailable):
    """A source was asked about somebody of another directory: it cannot say that they do not exist."""


class MarkLost(IwdsError):
    """A directory cannot say what changed since a mark; the message says why. Everybody has to be read."""


class ServiceUnavailable(Unavailable):
    """The MFA service could not be reached, or answered a read with nonsense."""


class AccessRefused(IwdsError):
    """Credentials, certificate, address or rights are refused; repeating the attempt does not help."""

    exit_code = 78


class CallFailed(IwdsError):
    """One call that was to change the service did not do so, or perhaps did not."""


class NotSent(CallFailed):
    """The call certainly had no effect: it never reached the service, or the service did not take it up."""


class Busy(NotSent):
    """The service takes no more calls for a while (HTTP 429).

    Args:
        message: the sentence for the user.
        wait: seconds after which it wants to be asked again; None where it did not say.
    """

    def __init__(self, message: str, wait: float | None = None, advice: str = "") -> None:
        super().__init__(message, advice)
        self.wait = wait


class Rejected(CallFailed):
    """The service said no.

    Args:
        message: the sentence for the user.
        cause: what followed `NOK:` in the answer, for example `SN`.
    """

    def __init__(self, message: str, cause: str = "", advice: str = "") -> None:
        super().__init__(message, advice)
        self.cause = cause


class LoginTaken(Rejected):
    """The login name is in use (`NOK:loginexists`, `NOK:login already used`)."""


class LoginUnknown(Rejected):
    """The login id does not exist on the service."""


class ServiceFull(Rejected):
    """The service has no seat left (`NOK:full`)."""


class OutcomeUnknown(CallFailed):
    """The call was sent and no answer came that can be trusted: timeout, reset, HTML, a bare `NOK`.

    It is settled by reading the service, never by guessing.
    """
