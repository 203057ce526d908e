"""The registry behind the same address: tokens, who may do what, and an image there and back."""

import hashlib
import json
import os
import re
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import pytest

from tests.live.client import NOBODY, Live

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
PASSWORD = "Passw0rd-of-a-case"


def digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def described(kind: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest(blob), "size": len(blob)}


def image() -> tuple[list[bytes], bytes]:
    """The blobs and the manifest of an image that nobody has: one layer of 64 KiB."""
    layer = os.urandom(1 << 16)
    rootfs = {"type": "layers", "diff_ids": [digest(layer)]}
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": described("application/vnd.oci.image.config.v1+json", config),
        "layers": [described("application/vnd.oci.image.layer.v1.tar", layer)],
    }
    return [layer, config], json.dumps(manifest).encode()


class Repository:
    """One repository as a container runtime talks to it: by a token for exactly it."""

    def __init__(self, harbor: Live, name: str, who: tuple[str, str], actions: str = "pull,push") -> None:
        self.harbor, self.path = harbor, f"/v2/{name}"
        self.bearer = {"Authorization": f"Bearer {harbor.token(who, f'repository:{name}:{actions}')}"}

    def ask(self, method: str, path: str, *right: int, **how: Any) -> httpx.Response:
        headers = self.bearer | how.pop("headers", {})
        where = path if path.startswith("https://") else f"{self.path}/{path}"
        return self.harbor.call(method, where, *right, who=NOBODY, headers=headers, **how)

    def push(self, blobs: list[bytes], manifest: bytes, tag: str) -> None:
        """As Docker does: each blob unless it is there, and the manifest in the end."""
        for blob in blobs:
            self.ask("HEAD", f"blobs/{digest(blob)}", 404)
            assert self.upload(blob, 201).headers["Docker-Content-Digest"] == digest(blob)
        put = self.ask("PUT", f"manifests/{tag}", 201, content=manifest, headers={"Content-Type": MANIFEST})
        assert put.headers["Docker-Content-Digest"] == digest(manifest)

    def upload(self, blob: bytes, right: int) -> httpx.Response:
        started = self.ask("POST", "blobs/uploads/", 202)
        going = self.ask("PATCH", self._next(started), 202, content=blob)
        done = httpx.URL(self._next(going)).copy_merge_params({"digest": digest(blob)})
        return self.ask("PUT", str(done), right)

    def pull(self, tag: str) -> tuple[list[bytes], bytes]:
        manifest = self.ask("GET", f"manifests/{tag}", 200, headers={"Accept": MANIFEST})
        assert manifest.headers["Content-Type"] == MANIFEST
        read = manifest.json()
        parts = [*read["layers"], read["config"]]
        return [self.ask("GET", f"blobs/{part['digest']}", 200).content for part in parts], manifest.content

    def _next(self, answer: httpx.Response) -> str:
        """Where an upload goes on: at the address by which it began."""
        where = urljoin(f"{self.harbor.url}/v2/", answer.headers["Location"])
        assert urlsplit(where).netloc == self.harbor.host
        return where


@pytest.mark.parametrize("robot", [False, True])
def test_an_image_there_and_back(harbor: Live, project: str, robot: bool) -> None:
    who = harbor.robot(project, "push", "pull") if robot else harbor.admin
    repository = Repository(harbor, f"{project}/image", who)
    harbor.later(f"/projects/{project}/repositories/image")
    blobs, manifest = image()
    repository.push(blobs, manifest, "one")
    assert repository.pull("one") == (blobs, manifest)
    assert repository.ask("GET", "tags/list", 200).json() == {"name": f"{project}/image", "tags": ["one"]}
    repository.ask("HEAD", f"blobs/{digest(blobs[0])}", 200)


def test_what_the_api_says_of_an_image(harbor: Live, project: str) -> None:
    blobs, manifest = image()
    Repository(harbor, f"{project}/image", harbor.admin).push(blobs, manifest, "one")
    path = f"/projects/{project}/repositories/image"
    harbor.later(path)
    [repository] = harbor.call("GET", f"/projects/{project}/repositories", 200).json()
    assert (repository["name"], repository["artifact_count"]) == (f"{project}/image", 1)
    [artifact] = harbor.call("GET", f"{path}/artifacts", 200, params={"with_tag": "true"}).json()
    assert artifact["digest"] == digest(manifest)
    assert [tag["name"] for tag in artifact["tags"]] == ["one"]
    # One that has a repository does not go.
    harbor.call("DELETE", f"/projects/{project}", 412)
    harbor.call("DELETE", f"{path}/artifacts/one", 200)
    harbor.call("GET", f"{path}/artifacts/one", 404)
    harbor.call("GET", f"/v2/{project}/image/manifests/one", 404)


def test_a_repository_with_a_slash_is_named_twice_encoded(harbor: Live, project: str) -> None:
    blobs, manifest = image()
    Repository(harbor, f"{project}/deep/image", harbor.admin).push(blobs, manifest, "one")
    path = f"/projects/{project}/repositories/deep%252Fimage"
    harbor.later(path)
    [artifact] = harbor.call("GET", f"{path}/artifacts", 200).json()
    assert artifact["digest"] == digest(manifest)


def challenge(response: httpx.Response) -> dict[str, str]:
    kind, _, rest = response.headers["WWW-Authenticate"].partition(" ")
    assert kind == "Bearer"
    return dict(re.findall(r'(\w+)="([^"]*)"', rest))


def test_the_token_service_is_where_the_client_came_from(harbor: Live) -> None:
    scheme = urlsplit(harbor.call("GET", "/systeminfo", 200).json()["external_url"]).scheme
    asked = challenge(harbor.call("GET", "/v2/", 401, who=NOBODY))
    assert asked == {"realm": f"{scheme}://{harbor.host}/service/token", "service": "harbor-registry"}
    other = harbor.ask("GET", "/v2/", who=NOBODY, headers={"Host": "other.example.org:8443"})
    if "WWW-Authenticate" not in other.headers:
        pytest.skip("what stands in front of this Harbor lets no other Host through")
    assert challenge(other)["realm"] == f"{scheme}://other.example.org:8443/service/token"


def test_x_forwarded_proto_does_not_change_it(harbor: Live) -> None:
    plain = challenge(harbor.call("GET", "/v2/", 401, who=NOBODY, headers={"X-Forwarded-Proto": "http"}))
    assert plain["realm"].startswith("https://")


def test_the_scope_is_asked_for(harbor: Live, project: str) -> None:
    asked = challenge(harbor.call("GET", f"/v2/{project}/image/manifests/one", 401, who=NOBODY))
    assert asked["scope"] == f"repository:{project}/image:pull"


def test_a_bad_login_is_asked_for_another_one(harbor: Live) -> None:
    response = harbor.call("GET", "/v2/", 401, who=(harbor.name("nobody"), PASSWORD))
    assert response.headers["WWW-Authenticate"] == 'Basic realm="harbor"'


def test_a_login_without_a_scope_is_a_proof(harbor: Live) -> None:
    # what `docker login` does
    name, _ = user = harbor.user(PASSWORD)
    query = "/service/token?service=harbor-registry"
    assert harbor.call("GET", query, 200, who=user).json()["token"]
    harbor.call("GET", query, 401, who=(name, "Wr0ng-password"))


def test_pulling_is_not_pushing(harbor: Live, project: str) -> None:
    robot = harbor.robot(project, "pull")
    repository = Repository(harbor, f"{project}/image", robot)
    repository.ask("POST", "blobs/uploads/", 401)
    repository.ask("GET", "manifests/none", 404, headers={"Accept": MANIFEST})


def test_a_strangers_token_is_worth_nothing(harbor: Live, project: str) -> None:
    stranger = Repository(harbor, f"{project}/image", harbor.user(PASSWORD))
    stranger.ask("GET", "tags/list", 401)
    other = harbor.project()
    repository = Repository(harbor, f"{other}/image", harbor.admin)
    # A token is for the repository that it was asked for.
    harbor.call("POST", f"/v2/{project}/image/blobs/uploads/", 401, who=NOBODY, headers=repository.bearer)


def test_a_public_project_is_pulled_by_anybody(harbor: Live) -> None:
    public = harbor.project(public=True)
    blobs, manifest = image()
    Repository(harbor, f"{public}/image", harbor.admin).push(blobs, manifest, "one")
    harbor.later(f"/projects/{public}/repositories/image")
    anybody = Repository(harbor, f"{public}/image", NOBODY)
    assert anybody.pull("one") == (blobs, manifest)
    anybody.ask("POST", "blobs/uploads/", 401)


def test_a_full_quota_is_said(harbor: Live) -> None:
    name = harbor.name("project")
    harbor.make("/projects", {"project_name": name, "storage_limit": 1024}, gone=f"/projects/{name}")
    repository = Repository(harbor, f"{name}/image", harbor.admin)
    refused = repository.upload(b"x" * 4096, 403)
    assert "will exceed the configured upper limit of 1.0 KiB" in refused.text
