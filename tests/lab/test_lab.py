"""The lab itself: up is quick when it is up, goes on when it was killed; a reset brings everything back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from lab import bundle, console, control_plane, guests, network, paths, processes, qemu
from tests.lab.conftest import REPOSITORY, UP, Lab

SNAPSHOT = "test-writer"
NAMESPACE = "test-lab"
EXPORT = "/srv/nfs/breakwater"
# Seconds: DESIGN's limit for a reset on a machine that does nothing else is 60.
RESET, BEAT, START = 150, 90, 300


def objects(image: str) -> list[dict[str, object]]:
    """A claim on NFS and a pod that writes the time to it every second, each line flushed to the server."""
    script = "while date +%s >> /data/beat && sync /data/beat; do sleep 1; done"
    container = {
        "name": "writer",
        "image": image,
        "imagePullPolicy": "Never",
        "command": ["sh", "-c", script],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    claim = {
        "accessModes": ["ReadWriteMany"],
        "storageClassName": "breakwater",
        "resources": {"requests": {"storage": "1Mi"}},
    }
    pod = {
        "nodeName": "node2",
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 0,
        "containers": [container],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
    }
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": claim},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "writer"}, "spec": pod},
    ]


def kubectl(*arguments: str, timeout: float = 60, check: bool = True, input: bytes | None = None) -> str:
    return control_plane.kubectl("-n", NAMESPACE, *arguments, timeout=timeout, check=check, input=input)


def writer() -> tuple[str, str, int]:
    """The pod's identity, phase and restarts."""
    pod = json.loads(kubectl("get", "pod", "writer", "-o", "json"))
    restarts = sum(status["restartCount"] for status in pod["status"]["containerStatuses"])
    return pod["metadata"]["uid"], pod["status"]["phase"], restarts


def await_beat(lab: Lab, since: float) -> float:
    """Wait until the server has a line that the pod wrote after `since`; returns the seconds that took."""
    began = time.monotonic()
    while True:
        # Debian's busybox dates in whole seconds.
        last = lab.on("storage", f"tail -qn1 {EXPORT}/{NAMESPACE}-data-*/beat", check=False).strip()
        if last.isdigit() and int(last) >= int(since):
            return time.monotonic() - began
        assert time.monotonic() - began < BEAT, f"no beat since {since:.0f}: the last is {last!r}"
        time.sleep(1)


@pytest.fixture(scope="module")
def writing(deployed_once: Lab) -> Iterator[Lab]:
    """A deployed lab with a pod that writes to NFS, saved."""
    deployed_once.go_to("deployed")
    image = bundle.busybox_image(paths.state() / "bundle")
    for one in objects(image):
        kubectl("apply", "-f", "-", input=json.dumps(one).encode())
    kubectl("wait", "--for=condition=Ready", "pod/writer", f"--timeout={START}s", timeout=START + 10)
    await_beat(deployed_once, time.time())
    deployed_once("save", SNAPSHOT, timeout=RESET)
    yield deployed_once
    deployed_once.spoil()


@pytest.mark.parametrize("times", [2, pytest.param(10, marks=pytest.mark.faults)])
def test_reset_brings_back_a_pod_that_writes_to_nfs(writing: Lab, times: int) -> None:
    before = writer()
    for number in range(times):
        began = time.monotonic()
        writing("reset", SNAPSHOT, timeout=RESET)
        took = time.monotonic() - began
        beat = await_beat(writing, time.time())
        print(f"reset {number + 1} of {times}: {took:.0f} s, a new line on the server {beat:.0f} s later")
        assert writer() == before
        assert "NotReady" not in kubectl("get", "nodes")
        # What the old API server said last is not known: it is behind its Service on each node.
        for node in ("node1", "node2"):
            writing.on(node, "timeout 20 bash -c '</dev/tcp/10.96.0.1/443'")


def test_saving_does_not_end_a_mount(writing: Lab) -> None:
    before = writer()
    writing("save", "test-again", timeout=RESET)
    await_beat(writing, time.time())
    assert writer() == before


def test_reset_brings_back_a_guest_that_is_gone(writing: Lab) -> None:
    processes.send(qemu.daemon(guests.guest("storage")), signal.SIGKILL)
    writing("reset", SNAPSHOT, timeout=RESET)
    await_beat(writing, time.time())


def test_clocks_are_right_after_a_reset(lab: Lab) -> None:
    lab("reset", "clean", timeout=RESET)
    for guest in guests.GUESTS:
        before = time.time()
        there = float(lab.on(guest.name, "date +%s.%N"))
        assert before - 2 < there < time.time() + 2


def test_up_when_up_is_quick_and_changes_nothing(lab: Lab) -> None:
    before = {name: processes.pid(name) for name in processes.names()}
    began = time.monotonic()
    output = lab("up", timeout=60).output
    assert "nothing was changed" in output
    assert time.monotonic() - began < 15
    assert {name: processes.pid(name) for name in processes.names()} == before


MOMENTS = [2, 12, *(pytest.param(s, marks=pytest.mark.faults) for s in (0.3, 6, 20))]


@pytest.mark.parametrize("seconds", MOMENTS)
def test_up_killed_at_any_moment_after_down_goes_on_and_is_clean_again(lab: Lab, seconds: float) -> None:
    lab.on("proxy", "touch /root/not-clean")
    lab("down")
    assert not network.exists()
    assert not [name for name in processes.names() if processes.pid(name)]
    assert lab("status", check=False).code == 3
    command = [sys.executable, "-m", "lab", "up"]
    killed = subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    time.sleep(seconds)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    lab("up", timeout=UP)
    assert lab("status", check=False).code == 0
    assert lab.on("proxy", "ls /root").strip() == ""
    known = {processes.pid(name) for name in processes.names()}
    for guest in guests.GUESTS:
        # One process a guest: a second one on the same disks would tear them.
        found = subprocess.run(
            ["pgrep", "-f", f"^qemu-system-x86_64 -name {guest.name} "], capture_output=True, text=True
        )
        assert len(found.stdout.split()) == 1
        assert int(found.stdout) in known


def test_a_panic_is_named(lab: Lab) -> None:
    lab.on("proxy", "echo 1 > /proc/sys/kernel/sysrq; (sleep 1; echo c > /proc/sysrq-trigger) & exit 0")
    ends = time.monotonic() + 60
    while not console.panic("proxy") and time.monotonic() < ends:
        time.sleep(1)
    assert "its kernel panicked" in lab("status", check=False).output.replace("\n", " ")
    lab("reset", timeout=RESET)
    assert lab.on("proxy", "uname -s").strip() == "Linux"
    assert lab("status").code == 0
