"""`sandbox` and what belongs to it: the local MFA service, to rehearse against."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from iwds.cli import sandbox_controls
from iwds.cli.common import JsonOption, duration, show_json
from iwds.cli.console import out, say
from iwds.cli.page import printable
from iwds.errors import UsageError
from iwds.sandbox.behaviour import Behaviour, Dialect, networks

if TYPE_CHECKING:
    from iwds.sandbox.store import Store

_DATA = Path("sandbox.db")
group = typer.Typer(
    help="Without a command: run a local MFA service to rehearse against, until Ctrl-C. The commands look into its "
    "data file, and change it while it runs."
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group.callback(invoke_without_command=True)(serve)
    sandbox_controls.register(group)
    app.add_typer(group, name="sandbox")


def serve(
    context: typer.Context,
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="HOST:PORT here; port 0 picks one.")
    ] = "127.0.0.1:8099",
    data: Annotated[Path, typer.Option("--data", help="Its state; made when it is missing.")] = _DATA,
    service_id: Annotated[int, typer.Option("--service-id", min=1, help="The id that clients must give.")] = 10408,
    seats: Annotated[int, typer.Option("--seats", min=0, help="Logins before NOK:full; 0 for no limit.")] = 0,
    smtp: Annotated[
        str, typer.Option("--smtp", metavar="HOST:PORT", help="HOST:PORT that mails go to; else they are kept.")
    ] = "",
    mail_from: Annotated[
        str, typer.Option("--mail-from", metavar="ADDRESS", help="Whom mails are from.")
    ] = "mfa@sandbox.invalid",
    tls: Annotated[Path | None, typer.Option("--tls", help="HTTPS; missing certificates are made.")] = None,
    no_client: Annotated[
        bool, typer.Option("--tls-no-client", help="With --tls: ask for no client certificate.")
    ] = False,
    allow: Annotated[
        list[str] | None, typer.Option("--allow", metavar="NETWORK", help="Answer these addresses only; repeatable.")
    ] = None,
    no_option: Annotated[bool, typer.Option("--no-option", help="IWDS_check says NOK: the option is off.")] = False,
    dialect: Annotated[
        Dialect, typer.Option("--dialect", metavar="NAME", help="What answers carry: both, published or document.")
    ] = Dialect.BOTH,
    token_cache: Annotated[
        int, typer.Option("--token-cache", min=0, max=3600, help="Seconds for which a REST token is believed.")
    ] = 3600,
) -> None:
    """Run the local MFA service: the provisioning API at the wire, to rehearse against. Ends on SIGINT or SIGTERM."""
    if context.invoked_subcommand:
        if data != _DATA:  # else it would look into another file than the one that was named
            raise UsageError(
                "--data stands behind the command", f"iwds sandbox {context.invoked_subcommand} --data {data}"
            )
        return
    from iwds.sandbox.post import relay
    from iwds.sandbox.server import serve as serve_until_told
    from iwds.sandbox.store import NOT_LIMITED

    if no_client and tls is None:
        raise UsageError("--tls-no-client says how --tls is meant", "give --tls FOLDER too")
    behaviour = Behaviour(dialect, not no_option, networks(allow or ()), tls, not no_client, token_cache)
    limit, post = seats or NOT_LIMITED, relay(smtp, mail_from)
    serve_until_told(listen, str(data), service_id=service_id, max_logins=limit, behaviour=behaviour, relay=post)


# --- rehearsing: people, devices, time --------------------------------------------------------------------------------

DataOption = Annotated[Path, typer.Option("--data", help="The sandbox's data file.")]


@contextmanager
def _opened(data: Path) -> Iterator["Store"]:
    """The state in a file that is there; a running sandbox sees at once what is done to it."""
    from iwds.sandbox.store import Store

    with closing(Store.existing(str(data))) as store:
        yield store


def _login_of(store: "Store", name: str) -> int:
    row = store.named(name)
    if row is None:
        raise UsageError(f"the sandbox has no login {name}", "See: iwds sandbox show logins")
    return int(row["id"])


@group.command("show")
def show(
    what: Annotated[str, typer.Argument(help="logins, codes, outbox, groups, devices, or one LOGIN.")] = "logins",
    data: DataOption = _DATA,
    all_: Annotated[bool, typer.Option("--all", help="Everything, however long.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Look inside: people with their devices, codes and links that can be used, mails."""
    from iwds.cli.sandbox_text import lines, login_lines
    from iwds.sandbox import inside

    with _opened(data) as store:
        rows = inside.SUBJECTS[what](store) if what in inside.SUBJECTS else None
        one = inside.login(store, what) if rows is None else None
        if rows is None and one is None:
            raise UsageError(f"the sandbox has no login {what}", "See: iwds sandbox show logins")
        if as_json:
            show_json({"schema": 1, what: list(rows)} if rows is not None else {"schema": 1, "login": one})
        else:
            say(lines(what, rows, None if all_ else 40) if rows is not None else login_lines(one or {}))
    return 0


@group.command("enrol")
def enrol(
    code: Annotated[str, typer.Argument(help="Nine digits, or the long code of a link.")],
    device: Annotated[str, typer.Option("--device", help="ma, ca, va or mac.")] = "ma",
    name: Annotated[str, typer.Option("--name", help="What the device is called.")] = "Phone",
    pin: Annotated[str, typer.Option("--pin", help="The PIN to set; for a further device, the one there is.")] = "",
    data: DataOption = _DATA,
) -> int:
    """Use a code as its person would: enrol a device, or unlock."""
    from iwds.core.devices import DeviceKind

    if device not in set(DeviceKind):
        raise UsageError(f"{device} is no type of device", f"known: {', '.join(DeviceKind)}")
    with _opened(data) as store:
        done = store.people.use_code(code, DeviceKind(device), name, pin)
        row = store.login(done.login_id)
    login = escape(printable(row["login"])) if row else ""
    out.print(f"{login}: device {device} {done.device} is enrolled" if done.device else f"{login} is unlocked")
    return 0


@group.command("authenticate")
def authenticate(
    login: Annotated[str, typer.Argument(help="Who.")],
    pin: Annotated[str, typer.Option("--pin", help="With this PIN.")] = "",
    password: Annotated[str, typer.Option("--password", help="The same, taken as a password.")] = "",
    otp: Annotated[str, typer.Option("--otp", help="With a one-time password of loginGetOTP.")] = "",
    device: Annotated[int, typer.Option("--device", help="On the device of this id.")] = 0,
    data: DataOption = _DATA,
) -> int:
    """Authenticate as a person would. Three wrong entries in a row lock the PIN."""
    from iwds.sandbox.people import Entry

    given = [(how, entry) for how, entry in zip(Entry, (pin, password, otp), strict=True) if entry]
    if len(given) != 1:
        raise UsageError("one of --pin, --password and --otp is needed")
    ((how, entry),) = given
    with _opened(data) as store:
        store.people.authenticate(login, entry, how, device)
    out.print(f"{escape(printable(login))} is authenticated")
    return 0


@group.command("issue")
def issue(
    login: Annotated[str, typer.Argument(help="For whom.")],
    long_code: Annotated[bool, typer.Option("--long", help="Good for 48 hours.")] = False,
    data: DataOption = _DATA,
) -> int:
    """Make an activation code as an administrator does in the console. `show` shows it."""
    from iwds.sandbox.codes import CodeType, Purpose

    with _opened(data) as store:
        login_id, lifetimes = _login_of(store, login), store.codes.lifetimes
        lifetime = lifetimes.long_code if long_code else None
        store.codes.issue(login_id, Purpose.ACTIVATION, CodeType.IMMEDIATE, lifetime)
    out.print(f"a code was made: iwds sandbox show {escape(printable(login))} --data {escape(str(data))}")
    return 0


@group.command("mark")
def mark(
    login: Annotated[str, typer.Argument(help="Whose.")],
    shared: Annotated[bool | None, typer.Option("--shared/--own", help="Whether other services use it too.")] = None,
    lock: Annotated[int, typer.Option("--lock", help="Lock the device of this id.")] = 0,
    unlock: Annotated[int, typer.Option("--unlock", help="Unlock the device of this id.")] = 0,
    data: DataOption = _DATA,
) -> int:
    """Do what only the console can do to a login: share it, lock one of its devices."""
    from iwds.core.devices import DeviceState

    with _opened(data) as store:
        login_id = _login_of(store, login)
        devices = {row["id"] for row in store.devices.of(login_id)}
        if unknown := {lock, unlock} - devices - {0}:
            raise UsageError(f"{login} has no device {min(unknown)}", f"See: iwds sandbox show {login} --data {data}")
        if shared is not None:
            store.people.share(login_id, shared)
        store.devices.lock(lock, DeviceState.LOCKED)
        store.devices.unlock(unlock, DeviceState.LOCKED)
    return 0


@group.command("clock")
def clock(
    advance: Annotated[str, typer.Option("--advance", help="Put it forward, for example 22d.")] = "",
    reset: Annotated[bool, typer.Option("--reset", help="Back to the machine's own time.")] = False,
    data: DataOption = _DATA,
) -> int:
    """Show or put forward the sandbox's clock, so that codes expire. A running sandbox follows at once."""
    from iwds.cli.sandbox_text import when

    with _opened(data) as store:
        if reset:
            store.data.reset_clock()
        if advance:
            store.data.advance(int(duration(advance).total_seconds()))
        ahead = str(timedelta(seconds=store.data.ahead)).removesuffix(", 0:00:00")
        out.print(f"It is {when(store.now())} in the sandbox" + (f", {ahead} ahead." if store.data.ahead else "."))
    return 0


@group.command("fill")
def fill(
    people: Annotated[int, typer.Option("--people", min=0, help="Invent so many people.")] = 0,
    groups: Annotated[int, typer.Option("--groups", min=0, help="Spread them over so many groups.")] = 5,
    seed: Annotated[int, typer.Option("--seed", help="The same seed makes the same people.")] = 1,
    reading: Annotated[Path | None, typer.Option("--reading", help="Load what `iwds capture` wrote.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Drop the people that are there.")] = False,
    data: DataOption = _DATA,
) -> int:
    """Fill a sandbox with invented people, or with those of a captured reading. The file is made where missing."""
    from iwds.core.words import many
    from iwds.sandbox.filling import fill_people
    from iwds.sandbox.loading import fill_reading
    from iwds.sandbox.store import Store

    if bool(people) == bool(reading):
        raise UsageError("one of --people N and --reading FILE is needed")
    with closing(Store(str(data))) as store:
        if reading:
            loaded = fill_reading(store, reading, replace=replace)
            counts = (many(loaded.logins, "login"), many(loaded.groups, "group"), many(loaded.members, "membership"))
            out.print(", ".join(counts))
        else:
            fill_people(store, people, groups, seed, replace=replace)
            out.print(f"{people:,} invented people, spread over {groups:,} groups")
    return 0
