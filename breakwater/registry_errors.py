"""What keeps a client from a registry: in the words of container runtimes, and what to do."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator

import httpx

from breakwater.commands import Refusal
from breakwater.words import plain

# OpenSSL's numbers of what is wrong with a certificate (X509_V_ERR_…).
_UNKNOWN_AUTHORITY = {18, 19, 20, 21}
_TIME = {9, 10}
_NAME = {62, 63, 64}
# What a server that speaks no TLS makes OpenSSL say, and what one with TLS answers to plain HTTP.
_NO_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG"}
_WANTS_TLS = re.compile(r"plain HTTP request was sent to|HTTP request to an HTTPS", re.IGNORECASE)
_IS_TLS = "a plain HTTP request came to a port that speaks TLS"
# Envoy tells a client nothing of why: certificates it does not trust look like a port that is closed.
_BEHIND = (
    "the proxy gets nothing from Harbor: are its pods ready, may it reach the node ports, does it trust"
    " their CA? The proxy's access log names the reason"
)


class RegistryError(Refusal):
    """A registry did not do what it was asked to.

    + where: its name, and the address where it was asked
    + said: what was wrong
    + fix: what to do
    + status: of its answer; None when there was none
    + passing: it may well be over in a moment, as while a proxy starts
    """

    def __init__(
        self, where: str, said: str, fix: str, status: int | None = None, *, passing: bool = False
    ) -> None:
        self.said, self.fix, self.status, self.passing = said, fix, status, passing
        super().__init__(f"{where}: {said}; {fix}")


def unanswered(where: str, error: httpx.RequestError, ca: str) -> RegistryError:
    """There was no answer.

    + ca: the file of the authorities that were trusted; empty: this machine's own
    """
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return RegistryError(where, *_certificate(cause, ca))
        if isinstance(cause, ssl.SSLError):
            return _no_tls(where, cause)
        if isinstance(cause, socket.gaierror):
            fix = "put it into DNS or /etc/hosts, leading to the proxies"
            return RegistryError(where, "no such host: this machine does not know the name", fix)
    return _silent(where, error)


def answered(where: str, response: httpx.Response) -> RegistryError:
    """There was an answer, and none that was hoped for; who may do what is its caller's to say."""
    status, words = response.status_code, _words(response)
    if _WANTS_TLS.search(words):
        return RegistryError(where, f"{_IS_TLS}: {words}", "use https://", status)
    if response.is_redirect and response.url.scheme == "http":
        target = response.headers.get("Location", "nowhere")
        return RegistryError(where, f"plain HTTP is sent to {target}", "use https://", status)
    said = f"answered {status} {words}".strip()
    if status == 413:
        return RegistryError(where, said, "something in front of Harbor takes no layer of that size", status)
    if status in (502, 503, 504):
        return RegistryError(where, said, _BEHIND, status, passing=True)
    if status == 404 and "docker-distribution-api-version" not in response.headers:
        fix = "no registry answers by this name there: is it the domain of that proxy?"
        return RegistryError(where, said, fix, status)
    if status == 429:
        return RegistryError(where, said, "it is asked too often: wait a minute", status, passing=True)
    if status == 403:
        return RegistryError(where, said, "it forbids that: a full quota, or who may come from where", status)
    return RegistryError(where, said, "see the logs of the proxy and of Harbor's core", status)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and what it comes of."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def _certificate(error: ssl.SSLCertVerificationError, ca: str) -> tuple[str, str]:
    said = plain(error.verify_message)
    if error.verify_code in _UNKNOWN_AUTHORITY:
        fix = (
            f"{ca} is not the CA of what answers there: take that CA's file, or mend the proxy's certificate"
            if ca
            else "its CA is none of this machine's: give the CA's file, as proxy.certificate.ca"
        )
        return f"x509: certificate signed by unknown authority ({said})", fix
    if error.verify_code in _TIME:
        return (
            f"x509: {said}",
            "look at this machine's clock (timedatectl), then give the proxy a certificate that is valid",
        )
    if error.verify_code in _NAME:
        return f"x509: {said}", "the proxy shows another name's certificate: it must have this one"
    return f"x509: {said}", "look at the proxy's certificate"


def _no_tls(where: str, error: ssl.SSLError) -> RegistryError:
    if error.reason in _NO_TLS:
        return RegistryError(
            where,
            f"server gave HTTP response to HTTPS client ({error.reason})",
            "that port speaks no TLS: use the proxy's https port",
        )
    said = plain(error.reason or str(error))
    fix = "the proxy ends TLS before it began: does it serve this name, and has it a certificate?"
    return RegistryError(where, f"no TLS: {said}", fix, passing=True)


def _silent(where: str, error: httpx.RequestError) -> RegistryError:
    by_http = error.request.url.scheme == "http"
    if any(isinstance(cause, ConnectionRefusedError) for cause in _causes(error)):
        said, fix = "connection refused", "nothing listens there: is the proxy up?"
    elif isinstance(error, httpx.ConnectTimeout):
        said, fix = "no connection in time", "is the host up, and does a firewall let this machine come?"
    elif isinstance(error, httpx.TimeoutException):
        said, fix = "no answer in time", "see the logs of the proxy and of Harbor's core"
    elif by_http and isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
        return RegistryError(where, f"{_IS_TLS}: {plain(str(error))}", "use https://")
    else:
        said = plain(str(error)) or type(error).__name__
        fix = "the connection was ended: is the proxy up, and does it serve this name?"
    return RegistryError(where, said, fix, passing=True)


def _words(response: httpx.Response) -> str:
    """The registry's own, or the first line of what another one said."""
    try:
        found = response.json()["errors"][0]
        text = str(found.get("message") or found["code"])
    except (ValueError, LookupError, TypeError, AttributeError):
        text = next((line for line in response.text.splitlines() if line.strip()), "")
    return response.reason_phrase if not text or text.lstrip().startswith("<") else plain(text)
