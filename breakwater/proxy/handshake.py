"""What a client says of a certificate: it is asked, by a handshake with ourselves that no network sees."""

import ssl
from contextlib import suppress
from pathlib import Path

from breakwater.proxy.settings import CertificateFiles

# A client has seen the certificate after its second step, and after the third with a retry; one more is none.
_STEPS = 4
_WORDS = {
    2: "it does not lead to a CA that the client knows",
    18: "it was signed by itself",
    19: "the CA that it leads to is none that the client knows",
    20: "it does not lead to a CA that the client knows",
    21: "it does not lead to a CA that the client knows",
}


def client_refuses(given: CertificateFiles, name: str, ca: str | None) -> str:
    """Why, in plain words; empty when it does not.

    + given: files that belong together
    + name: what the client asks for
    + ca: PEM file of the only CA that it knows; None: those that this machine knows
    """
    try:
        client, server = _sides(given, name, ca)
        for _ in range(_STEPS):
            with suppress(ssl.SSLWantReadError):
                client.do_handshake()
                return ""
            with suppress(ssl.SSLWantReadError):
                server.do_handshake()
    except ssl.SSLCertVerificationError as error:
        return _WORDS.get(error.verify_code, error.verify_message)
    except ssl.SSLError as error:
        return (error.reason or str(error)).replace("_", " ").lower()
    return "the handshake did not end"


def _sides(given: CertificateFiles, name: str, ca: str | None) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context(cafile=_path(ca) if ca else None)
    # Python takes a certificate in between for a root from 3.13 on; before it, and curl and git, do not.
    client.verify_flags &= ~ssl.VERIFY_X509_PARTIAL_CHAIN
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(_path(given.certificate), _path(given.key))
    return (
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    )


def _path(written: str) -> str:
    return str(Path(written).expanduser())
