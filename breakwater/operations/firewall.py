"""The storage host's firewall, where it is ours to open."""

from pyinfra import host
from pyinfra.api import QuoteString, StringCommand, operation

from breakwater.addresses import EVERYONE, by_address
from breakwater.commands import Commands
from breakwater.firewall import managed
from breakwater.settings import Export
from breakwater.survey import Survey


@operation()
def opened(survey: Survey, exports: list[Export]) -> Commands:
    """firewalld or ufw, where one is active, lets in who may mount, by rules of ours; no look of its own.

    + survey: with the firewall as preflight saw it
    + exports: whose clients are let in; everyone is not: that firewall's rules are the user's
    """
    clients = {client for export in exports for client in export.clients_at(survey.addresses)}
    sources = sorted(clients - {EVERYONE}, key=by_address)
    commands = managed(survey.firewall, sources) if survey.firewall else []
    if not commands:
        host.noop("nothing to open")
    for words in commands:
        yield StringCommand(*[QuoteString(word) for word in words])
