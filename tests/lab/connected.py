"""What a connected user's hosts reach in the lab's network: a repository of charts, a registry of images."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from lab import paths, standins
from lab.components import ADDRESS

REPOSITORY, REGISTRY = f"http://{ADDRESS}:8879", f"{ADDRESS}:5000"
_LIMIT = 60
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@contextmanager
def repository(folder: Path) -> Iterator[str]:
    """The bundle's charts, served as `helm repo index` describes them; the repository's URL.

    + folder: empty
    """
    for chart in (paths.state() / "bundle/charts").glob("*.tgz"):
        (folder / chart.name).symlink_to(chart.resolve())
    helm = Path(sys.executable).with_name("helm")
    subprocess.run([helm, "repo", "index", folder, "--url", REPOSITORY], check=True, timeout=_LIMIT)
    port = REPOSITORY.rpartition(":")[2]
    with serving([sys.executable, "-m", "http.server", port, "--bind", ADDRESS, "--directory", str(folder)]):
        yield REPOSITORY


@contextmanager
def registry(folder: Path, archives: list[Path], below: str = "") -> Iterator[str]:
    """The distribution registry with these images, over plain HTTP; its address.

    + folder: empty, for what it stores
    + archives: OCI archives of one image each
    + below: what stands before their names, such as library/
    """
    program = standins.build()["harbor"]
    config = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(folder / "storage")}},
        "http": {"addr": REGISTRY, "secret": "of-the-lab-s-tests"},
    }
    (folder / "config.yml").write_text(json.dumps(config))
    with serving([str(program), "registry", "serve", str(folder / "config.yml")]):
        for archive in archives:
            # Inside: the lab's network is not this process's.
            command = [sys.executable, "-m", "tests.lab.connected", REGISTRY, str(archive), below]
            done = subprocess.run(
                [sys.executable, "-m", "lab", "exec", "--", *command],
                cwd=paths.REPOSITORY, timeout=_LIMIT, capture_output=True, text=True,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr
        yield REGISTRY


def push(address: str, archive: Path, below: str) -> None:
    """Put the image of an OCI archive into a registry, under its name without the registry it names.

    + address: HOST:PORT, plain HTTP
    + below: what stands before the name then
    """
    with tarfile.open(archive) as opened, httpx.Client(base_url=f"http://{address}/v2", timeout=30) as client:

        def read(digest: str) -> bytes:
            member = opened.extractfile(f"blobs/{digest.replace(':', '/')}")
            assert member
            return member.read()

        _until_it_answers(client)
        index = opened.extractfile("index.json")
        assert index
        [image] = json.load(index)["manifests"]
        manifest = json.loads(read(image["digest"]))
        name, _, tag = image["annotations"]["org.opencontainers.image.ref.name"].rpartition(":")
        name = below + name.partition("/")[2]
        for blob in (manifest["config"], *manifest["layers"]):
            begun = client.post(f"/{name}/blobs/uploads/").raise_for_status()
            url = httpx.URL(begun.headers["Location"]).copy_merge_params({"digest": blob["digest"]})
            client.put(url, content=read(blob["digest"])).raise_for_status()
        made = client.put(
            f"/{name}/manifests/{tag}", content=read(image["digest"]), headers={"Content-Type": _MANIFEST}
        )
        made.raise_for_status()


def _until_it_answers(client: httpx.Client) -> None:
    end = time.monotonic() + _LIMIT
    while True:
        try:
            client.get("/").raise_for_status()
            return
        except httpx.HTTPError:
            assert time.monotonic() < end, f"{client.base_url} does not answer"
            time.sleep(0.5)


@contextmanager
def serving(command: list[str]) -> Iterator[None]:
    """A program of this machine in the lab's network, ended afterwards."""
    inside = [sys.executable, "-m", "lab", "exec", "--", *command]
    process = subprocess.Popen(inside, cwd=paths.REPOSITORY, stdin=subprocess.DEVNULL)
    try:
        yield
        assert process.poll() is None, f"{command[0]} ended by itself with {process.returncode}"
    finally:
        process.terminate()
        process.wait(timeout=20)


if __name__ == "__main__":
    push(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
