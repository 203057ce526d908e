"""A node or a client that is a folder: what a whole run of trust does to it, and what it is afterwards.

containerd is a stand-in that reads and dumps TOML as 1.x and 2.x do. Where real ones are at hand, they are
asked too: BREAKWATER_CONTAINERD=/path/to/containerd[:/path/to/another].
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from folder_host import FolderHost
from pyinfra.api import StringCommand
from pyinfra.context import ctx_host, ctx_state
from pyinfra_testing.util import FakeHost, FakeState

from breakwater.facts.trust import Trust, TrustState
from breakwater.operations import trust
from breakwater.survey import Survey
from breakwater.trust.settings import Trust as Settings
from breakwater.trust.wanted import Wanted

PEM = "-----BEGIN CERTIFICATE-----\nMIIBone\nMIIBtwo\nAAA=\n-----END CERTIFICATE-----"
DOMAIN, OWNER = "registry.example.org", "10.0.0.20"
CERTS = "etc/containerd/certs.d"
REAL = [path for path in os.environ.get("BREAKWATER_CONTAINERD", "").split(":") if path]

CONTAINERD = f"""#!{sys.executable} -SE
import glob, json, sys, tomllib
SPEAKS = VERSION
IMAGES, CRI = "io.containerd.cri.v1.images", "io.containerd.grpc.v1.cri"
def tables(name, value):
    print(f"[{{name}}]")
    for key, inner in value.items():
        if not isinstance(inner, dict):
            print(f"  {{key}} = {{json.dumps(inner)}}")
    for key, inner in value.items():
        if isinstance(inner, dict):
            tables(f'{{name}}.{{json.dumps(key) if "." in key else key}}', inner)
_, _, file, _, what = sys.argv
config = {{}}
if what == "dump":
    try:
        config = tomllib.load(open(file, "rb"))
    except FileNotFoundError:
        if SPEAKS == 2:
            sys.exit("no such file")
plugins = config.get("plugins", {{}})
for pattern in config.get("imports", []):
    for name in sorted(glob.glob(pattern)):
        plugins.update(tomllib.load(open(name, "rb")).get("plugins", {{}}))  # whole plugins, as up to 2.2
print(f"version = {{SPEAKS}}")
print(f"disabled_plugins = {{config.get('disabled_plugins', [])}}")
print(f'imports = ["{{file}}"]')
if SPEAKS == 3 and config.get("version") == 2:
    plugins.setdefault(CRI, {{}})
    plugins.setdefault(IMAGES, {{}})["registry"] = plugins[CRI].pop("registry", {{}})
name = IMAGES if SPEAKS == 3 else CRI
plugins.setdefault(name, {{}}).setdefault("registry", {{}}).setdefault("config_path", "")
plugins["io.containerd.transfer.v1.local"] = {{"config_path": ""}}
for name, table in plugins.items():
    tables(f'plugins."{{name}}"', table)
"""
SYSTEMCTL = """
case $1 in
restart)
    echo "restart $2" >>"$HOST/log"
    [ ! -e "$HOST/deadly" ] || { rm "$HOST/deadly"; kill -9 $PPID; }
    ;;
esac
"""
CTR = """
[ -e "$HOST/deaf" ] && grep -qs config_path "$HOST/etc/containerd/config.toml" && state=error
echo "io.containerd.grpc.v1    cri    -    ${state:-ok}"
"""
# The log of a store that is taken: what it was told.
UPDATE = """
echo "update" >>"$HOST/log"
mkdir -p "$HOST/etc/ssl/certs"
cat "$HOST"/usr/local/share/ca-certificates/*.crt >"$HOST/etc/ssl/certs/ca-certificates.crt" 2>/dev/null
:
"""


def equip(on: FolderHost, version: str) -> None:
    """A containerd that speaks one version of configuration, or a real one; and what stands around it."""
    if "/" in version:
        (on.programs / "containerd").symlink_to(version)
    else:
        on.program("containerd", "")
        (on.programs / "containerd").write_text(CONTAINERD.replace("VERSION", version))
    on.program("ctr", CTR)
    on.program("systemctl", SYSTEMCTL)
    on.program("getent", "echo '10.0.0.31 STREAM registry.example.org'")
    on.program("sleep", ":")
    (on.root / "etc/hosts").write_text("127.0.0.1 localhost")
    (on.root / "etc/containerd").mkdir()


def deploy(on: FolderHost, pem: str = PEM, every_proxy: bool = True, **keys: Any) -> list[str]:
    """A whole run: each command, up to one that fails, or its error.

    + every_proxy: the run has all of them
    + keys: other values than the usual
    """
    survey, cri = keys.pop("survey", None) or Survey(), keys.pop("cri", True)
    usual = {"domain": DOMAIN, "port": 443, "owner": OWNER, "cache": "", "addresses": ("10.0.0.31",)}
    wanted = Wanted(**{**usual, "settings": Settings(), **keys})
    told = {"wanted": wanted, "ca": lambda: pem, "cri": cri, "survey": survey}

    class Host(FakeHost):  # type: ignore[misc]
        def get_fact(self, fact: Any, **kwargs: Any) -> Any:
            return read(on, **kwargs)

    def commands() -> Iterator[StringCommand]:
        yield from trust.told._inner(**told)
        # here the proxies change their certificate
        yield from trust.narrowed._inner(**told, due=lambda: every_proxy)

    run, state = [], FakeState()
    with ctx_state.use(state), ctx_host.use(Host(state, "node1", {}, {})):
        for command in commands():
            done = on.run(command)
            run.append(command.get_raw_value())
            if done.returncode:
                said = done.stderr.strip().replace(str(on.root), "")
                return [f"failed: {said or done.returncode}"]
    return run


def read(on: FolderHost, **kwargs: Any) -> TrustState:
    """The fact, with the folder's paths as the host has them."""
    kwargs = {"domain": DOMAIN, "registry": DOMAIN, "cri": True, **kwargs}
    done = on.run(Trust().command(**kwargs))
    assert done.returncode == 0, done.stderr
    return Trust().process(done.stdout.replace(str(on.root), "").splitlines())


def log(on: FolderHost) -> list[str]:
    file = on.root / "log"
    return file.read_text().splitlines() if file.exists() else []


def tree(on: FolderHost) -> dict[str, tuple[str, int]]:
    """What stands in /etc and when it was changed."""
    files = (path for path in (on.root / "etc").rglob("*") if path.is_file())
    return {str(path): (path.read_text(), path.stat().st_mtime_ns) for path in files}


def registry_of(on: FolderHost, file: Path) -> str:
    """config_path, as containerd has it."""
    config = read(on).containerd
    assert config
    return config.config_path.replace(str(on.root), "")


def version_of(on: FolderHost) -> int:
    config = read(on).containerd
    assert config
    return config.version
