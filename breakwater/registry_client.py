"""Harbor's registry as docker and containerd talk to it: login, push, pull, with every digest looked at."""

import re
import ssl
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from breakwater.commands import Refusal
from breakwater.registry_errors import RegistryError, answered, unanswered
from breakwater.small_image import MANIFEST, Image, digest

# Seconds to connect, and to wait for each part of an answer, of every call.
LIMIT = httpx.Timeout(60, connect=5)
_INDEX = "application/vnd.oci.image.index.v1+json"
_KINDS = (
    *(MANIFEST, "application/vnd.docker.distribution.manifest.v2+json"),
    *(_INDEX, "application/vnd.docker.distribution.manifest.list.v2+json"),
)


@dataclass(frozen=True)
class Challenge:
    """What a registry says to somebody who showed nothing: where tokens are, and for what."""

    realm: str
    service: str


class Registry:
    """Harbor's registry at its name, asked by one user.

    + host: as it stands in images' names: DOMAIN, or DOMAIN:PORT
    + ca: PEM file on this machine, of the only authority that is trusted; empty: this machine's own ones
    + user, password: of a user or a robot
    + address: where it is connected to, wherever its name leads: one proxy of several, or all there is
      while the name is in no DNS; host and certificate are those of the name
    + plain: by HTTP without TLS, as a client that was told so would; Harbor's proxies refuse it

    Everything raises RegistryError, in which no secret is said.
    """

    def __init__(
        self, host: str, ca: str, user: str, password: str, *, address: str = "", plain: bool = False
    ) -> None:
        self.host, self._ca, self._user = host, ca, user
        self._basic = httpx.BasicAuth(user, password)
        self._url = f"{'http' if plain else 'https'}://{host}"
        port = urlsplit(self._url).port or (80 if plain else 443)
        self._where = f"{host} (at {_bracketed(address)}:{port})" if address else host
        self._challenge: Challenge | None = None
        self._tokens: dict[str, str] = {}
        self._client = httpx.Client(
            transport=_At(address, _trusting(ca)),
            # What the environment says of proxies and .netrc is not meant for this name.
            trust_env=False,
            timeout=LIMIT,
            # A session's cookie would make Harbor ask for a CSRF token.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def login(self) -> None:
        """The registry answers, says where tokens are, and takes user and password."""
        answer = self._ask("GET", "/v2/", 401)
        self._challenge = self._challenged(answer)
        # Not by a token: Harbor gives one to a robot with a wrong secret, too. It is good for nothing.
        self._ask("GET", "/v2/", 200, auth=self._basic)

    def push(self, repository: str, tag: str, image: Image) -> None:
        """As docker does: each blob unless it is there, then the manifest; each digest is compared."""
        for blob in image.blobs:
            path = f"/v2/{repository}/blobs/{digest(blob)}"
            if self._in(repository, "HEAD", path, 200, 404).status_code == 404:
                self._upload(repository, blob)
        put = self._in(
            repository,
            "PUT",
            f"/v2/{repository}/manifests/{tag}",
            201,
            content=image.manifest,
            headers={"Content-Type": MANIFEST},
        )
        self._compare(f"{repository}:{tag}", put.headers.get("Docker-Content-Digest", "no"), image.digest)

    def digest(self, repository: str, reference: str) -> str:
        """What a tag names."""
        path = f"/v2/{repository}/manifests/{reference}"
        asked = self._in(repository, "HEAD", path, 200, headers={"Accept": ", ".join(_KINDS)})
        return str(asked.headers.get("Docker-Content-Digest", ""))

    def pull(self, repository: str, reference: str) -> Image:
        """An image of one platform, each part of which has the digest that names it."""
        path = f"/v2/{repository}/manifests/{reference}"
        manifest = self._in(repository, "GET", path, 200, headers={"Accept": ", ".join(_KINDS)})
        self._compare(
            f"{repository}:{reference}",
            digest(manifest.content),
            manifest.headers.get("Docker-Content-Digest", ""),
        )
        try:
            found = manifest.json()
            parts = [str(part["digest"]) for part in [*found["layers"], found["config"]]]
        except (ValueError, LookupError, TypeError) as error:
            said = f"{repository}:{reference} is no image of one platform"
            raise RegistryError(self._where, said, "name one that is") from error
        return Image(manifest.content, tuple(self._blob(repository, part) for part in parts))

    def delete(self, repository: str, wanted: str) -> None:
        """Delete a manifest, and with it all its tags; its blobs wait for Harbor's garbage collection.

        + wanted: its digest
        """
        self._in(repository, "DELETE", f"/v2/{repository}/manifests/{wanted}", 202)

    def _upload(self, repository: str, blob: bytes) -> None:
        started = self._in(repository, "POST", f"/v2/{repository}/blobs/uploads/", 202)
        going = self._in(repository, "PATCH", self._onwards(started), 202, content=blob)
        end = httpx.URL(self._onwards(going)).copy_merge_params({"digest": digest(blob)})
        done = self._in(repository, "PUT", str(end), 201)
        self._compare(
            f"a layer of {repository}", done.headers.get("Docker-Content-Digest", "no"), digest(blob)
        )

    def _onwards(self, response: httpx.Response) -> str:
        """Where an upload goes on: through the same door, or a client would lose its way."""
        return self._ours("an upload", str(response.url.join(response.headers.get("Location", ""))))

    def _blob(self, repository: str, wanted: str) -> bytes:
        path = f"/v2/{repository}/blobs/{wanted}"
        response = self._in(repository, "GET", path, 200, 302, 307)
        if response.is_redirect:
            response = self._elsewhere(str(response.url.join(response.headers.get("Location", ""))))
        self._compare(f"a layer of {repository}", digest(response.content), wanted)
        return response.content

    def _elsewhere(self, url: str) -> httpx.Response:
        """From an object store that clients are sent to: another host, which must not see who we are."""
        place = urlsplit(url)
        where = f"{place.scheme}://{place.netloc}, where {self.host} sends clients for layers"
        try:
            response = httpx.get(url, timeout=LIMIT, trust_env=False)
        except httpx.RequestError as error:
            raise unanswered(where, error, "") from error
        if response.status_code != 200:
            raise answered(where, response)
        return response

    def _challenged(self, response: httpx.Response) -> Challenge:
        kind, _, rest = response.headers.get("WWW-Authenticate", "").partition(" ")
        words = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        if kind.lower() != "bearer" or not words.get("realm"):
            said, fix = "it does not say where tokens are", "no Harbor answers there"
            raise RegistryError(self._where, said, fix, response.status_code)
        return Challenge(self._ours("a login", words["realm"]), words.get("service", ""))

    def _ours(self, what: str, url: str) -> str:
        """The same URL, when it is one of this registry's."""
        place = urlsplit(url)
        if f"{place.scheme}://{place.netloc}" == self._url:
            return url
        raise RegistryError(
            self._where,
            f"{what} is sent to {place.scheme}://{place.netloc}, not to {self._url}",
            "Harbor's externalURL must be that, and the proxy must pass on Host and X-Forwarded-Proto: https",
        )

    def _in(
        self,
        repository: str,
        method: str,
        path: str,
        *right: int,
        headers: dict[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        """A call about one repository, with a token for it."""
        actions = {"GET": "pull", "HEAD": "pull", "DELETE": "delete"}.get(method, "pull,push")
        bearer = {"Authorization": f"Bearer {self._token(f'repository:{repository}:{actions}')}"}
        return self._ask(
            method,
            path,
            *right,
            headers={**bearer, **(headers or {})},
            content=content,
            lacks=f"{self._user} may not {actions.rpartition(',')[2]} {repository}",
        )

    def _token(self, scope: str) -> str:
        if self._challenge is None:
            self.login()
        if scope not in self._tokens:
            assert self._challenge is not None  # noqa: S101
            query = {"service": self._challenge.service, "scope": scope}
            answer = self._ask("GET", self._challenge.realm, 200, params=query, auth=self._basic)
            try:
                self._tokens[scope] = str(answer.json()["token"])
            except (ValueError, LookupError, TypeError) as error:
                raise RegistryError(self._where, "a login got no token", "no Harbor answers there") from error
        return self._tokens[scope]

    def _ask(self, method: str, path: str, *right: int, lacks: str = "", **how: Any) -> httpx.Response:
        """One call.

        + path: with or without this registry's address before it
        + right: the statuses that are hoped for
        + lacks: what a 401 means; without it, user and password are wrong
        """
        url = path if path.startswith(("http://", "https://")) else self._url + path
        try:
            response = self._client.request(method, url, **how)
        except httpx.RequestError as error:
            raise unanswered(self._where, error, self._ca) from error
        if response.status_code in right:
            return response
        if response.status_code == 401 and lacks:
            raise RegistryError(self._where, f"denied: {lacks}", "give it that right in the project", 401)
        if response.status_code == 401:
            said = f"unauthorized: user {self._user} with this password is not known"
            fix = "check both; after a wrong password Harbor refuses a user's right one, too, for 1.5 s"
            raise RegistryError(self._where, said, fix, 401)
        raise answered(self._where, response)

    def _compare(self, what: str, found: str, wanted: str) -> None:
        if found != wanted:
            said = f"{what} has digest {found}, not {wanted}"
            raise RegistryError(self._where, said, "something between here and the registry changes content")


class _At(httpx.HTTPTransport):
    """Connects to one address whatever the name, like curl's --resolve; TLS and Host stay the name's.

    + address: empty for where the name leads
    """

    def __init__(self, address: str, trusted: ssl.SSLContext) -> None:
        super().__init__(verify=trusted, trust_env=False)
        self._address = address

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if not self._address:
            return super().handle_request(request)
        moved = httpx.Request(
            request.method,
            request.url.copy_with(host=self._address),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": request.url.host},
        )
        return super().handle_request(moved)


def _trusting(ca: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca or None)
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Refusal(f"{ca} cannot be read as certificates: {reason}; put the CA's PEM there") from error


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address
