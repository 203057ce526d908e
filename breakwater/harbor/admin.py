"""The administrator's password: the one that is wanted logs in, or takes the place of one that does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from breakwater.commands import Refusal
from breakwater.harbor.api import ADMIN, CHARTS_PASSWORD, Harbor, HarborError, password_fault


@dataclass(frozen=True)
class AdminPassword:
    """The administrator's password as it shall be, and those that may still be the one.

    + wanted: the settings' one, else the store's
    + earlier: the likeliest first: what the store held before, the one that the first start was given
    + home: where the wanted one stands, for people: a file, or env:NAME
    """

    wanted: str = field(repr=False)
    earlier: Sequence[str] = field(repr=False)
    home: str


def set_admin_password(
    harbor: Harbor,
    password: AdminPassword,
    remember: Callable[[str, str], None],
    namespace: str,
    release: str,
) -> list[str]:
    """Make the wanted password the administrator's; returns what is to be said of it, nothing when it was.

    The chart gives a password to the first start only, so that later ones go through the API. One call when
    nothing is to be done; each wrong password costs 2 s.

    + remember: called before the change with (new, old); it keeps both, the old one first, so that a run that
      is killed on either side of the change leaves one that logs in
    + namespace, release: for the words on how to reset a lost one

    Raises Refusal when no known password logs in, or Harbor gives no verdict.
    """
    if fault := password_fault(password.wanted):
        raise Refusal(f"{password.home}: the administrator's password {fault}; put another one there")
    if harbor.logs_in(ADMIN, password.wanted):
        return []
    candidates = dict.fromkeys([*password.earlier, CHARTS_PASSWORD])
    old = next((o for o in candidates if o and o != password.wanted and harbor.logs_in(ADMIN, o)), None)
    if old is None:
        raise Refusal(_lost(harbor, password.home, namespace, release))
    remember(password.wanted, old)
    try:
        harbor.change_password(ADMIN, old, password.wanted)
    except HarborError as error:
        # Without an answer nobody knows whether it was done.
        if error.status is not None and error.status < 500:
            raise
    if not harbor.logs_in(ADMIN, password.wanted):
        raise Refusal(f"{ADMIN}: Harbor did not take the new password; run again, both are remembered")
    if old == CHARTS_PASSWORD:
        return [f"{ADMIN}: {CHARTS_PASSWORD} was found live: changed at once"]
    return [f"{ADMIN}: the password is now the one of {password.home}"]


def _lost(harbor: Harbor, home: str, namespace: str, release: str) -> str:
    """Why nobody logs in, and the way out."""
    # With the database away Harbor answers 401 as well: at once, or after it has waited for it.
    if faults := harbor.health().faults:
        return (
            f"{ADMIN}: nobody logs in while Harbor is not healthy: {', '.join(faults)}; run again when it is"
        )
    kubectl = f"kubectl --namespace {namespace}"
    # Without a salt core's next start sets the password anew, from its environment.
    statement = "update harbor_user set salt = '', password = '' where user_id = 1"
    reset = f'{kubectl} exec {release}-database-0 -- psql -U postgres -d registry -c "{statement}"'
    return (
        f"{ADMIN}: no password that is known here logs in; write the one that does into {home}, or, when"
        f" nobody knows it, `{reset}` (the same on a database of your own),"
        f" `{kubectl} rollout restart deployment/{release}-core`, and run again: core then takes the password"
        " of its first start"
    )
