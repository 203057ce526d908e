"""The guard of the node ports, for real: a node, its pods and the world are network namespaces."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from folder_host import FolderHost
from pyinfra.context import ctx_host, ctx_state
from pyinfra_testing.util import FakeHost, FakeState

from breakwater.node_ports import FILE, UNIT, UNIT_FILE, unit
from breakwater.operations import node_ports
from breakwater.survey import Survey

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("nft") or not shutil.which("ip"),
    reason="needs root, ip and nft: `make machine` installs them",
)

PORTS = [30002, 30003]
PROXY, NODE2, FOREIGN = "10.9.0.2", "10.9.0.3", "10.9.0.4"
PROXY6, NODE26, FOREIGN6 = "fd09::2", "fd09::3", "fd09::4"
CALLERS = [PROXY, PROXY6, NODE2, NODE26, "10.244.0.0/16", "fd44::/64"]
# systemd is not there in a namespace: this one does what the unit's lines say.
SYSTEMCTL = """
echo "systemctl $*" >> "$HOST/log"
line() { sed -n "s/^$1=-*//p" "$HOST/etc/systemd/system/breakwater-node-ports.service"; }
case $1 in
show)
    [ -e "$HOST/active" ] && echo ActiveState=active || echo ActiveState=inactive
    [ -e "$HOST/enabled" ] && echo UnitFileState=enabled || echo UnitFileState=
    echo NeedDaemonReload=no ;;
enable) touch "$HOST/enabled" ;;
disable) rm -f "$HOST/enabled" "$HOST/active"; $(line ExecStop) ;;
reload-or-restart) $(line ExecReload) && touch "$HOST/active" ;;
esac
"""
# Answers every connection with the address it comes from.
SERVER = """
import socket, threading
def serve(family, address):
    s = socket.create_server((address, 8443), family=family)
    print(flush=True)
    while True:
        c, peer = s.accept()
        c.sendall(b"pod")
        c.close()
threading.Thread(target=serve, args=(socket.AF_INET6, "fd44::5"), daemon=True).start()
serve(socket.AF_INET, "10.244.1.5")
"""
CLIENT = """
import socket, sys
try:
    source, to, port = sys.argv[1:]
    with socket.create_connection((to, int(port)), timeout=5, source_address=(source, 0)) as s:
        print(s.recv(9).decode())
except OSError as error:
    print(type(error).__name__)
"""
# What kube-proxy has in each of two modes: the port of a local address leads to a pod.
KUBE_PROXY = {
    "nftables": """
nft -f - <<'END'
table inet kube-proxy {
    chain prerouting {
        type nat hook prerouting priority dstnat; policy accept;
        fib daddr type local tcp dport 30003 dnat ip to 10.244.1.5:8443
        fib daddr type local tcp dport 30003 dnat ip6 to [fd44::5]:8443
    }
    chain output {
        type nat hook output priority -100; policy accept;
        fib daddr type local tcp dport 30003 dnat ip to 10.244.1.5:8443
    }
    chain postrouting { type nat hook postrouting priority srcnat; oifname pod masquerade; }
}
END""",
    "iptables": """
for t in iptables ip6tables; do
    case $t in iptables) to=10.244.1.5:8443 ;; *) to=[fd44::5]:8443 ;; esac
    $t -t nat -A PREROUTING -m addrtype --dst-type LOCAL -p tcp --dport 30003 -j DNAT --to-destination $to
    $t -t nat -A OUTPUT -m addrtype --dst-type LOCAL -p tcp --dport 30003 -j DNAT --to-destination $to
    $t -t nat -A POSTROUTING -o pod -j MASQUERADE
done""",
}
NETWORK = """
ip netns exec {n} sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
ip link add world netns {n} type veth peer name eth0 netns {w}
ip link add pod netns {n} type veth peer name eth0 netns {p}
for n in {n} {w} {p}; do ip -n $n link set lo up; done
ip -n {n} addr add 10.9.0.1/24 dev world; ip -n {n} addr add fd09::1/64 dev world nodad
ip -n {n} addr add 10.244.1.1/24 dev pod; ip -n {n} addr add fd44::1/64 dev pod nodad
for i in 2 3 4; do
    ip -n {w} addr add 10.9.0.$i/24 dev eth0; ip -n {w} addr add fd09::$i/64 dev eth0 nodad
done
ip -n {p} addr add 10.244.1.5/24 dev eth0; ip -n {p} addr add fd44::5/64 dev eth0 nodad
ip -n {n} link set world up; ip -n {n} link set pod up
ip -n {w} link set eth0 up; ip -n {p} link set eth0 up
ip -n {p} route add default via 10.244.1.1; ip -n {p} -6 route add default via fd44::1
"""


class Node(FolderHost):
    """A node in a namespace of its own, with a pod behind it and the world before it."""

    def __init__(self, root: Path, names: dict[str, str]) -> None:
        super().__init__(root)
        self.names = names
        self.inside = ["ip", "netns", "exec", names["n"]]
        (root / "etc/systemd/system").mkdir(parents=True)
        self.program("systemctl", SYSTEMCTL)

    def fact(self, fact: Any, **kwargs: Any) -> Any:
        """What a fact makes of it, with paths as they would be on a host."""
        done = self.run(fact().command(**kwargs))
        assert done.returncode == 0
        return fact().process(done.stdout.replace(f"{self.root}/etc/", "/etc/").splitlines())

    def sh(self, script: str, at: str = "n") -> str:
        """Run a script in a namespace: n, w or p."""
        argv = ["ip", "netns", "exec", self.names[at], "sh", "-ec", script]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True)
        return done.stdout

    def asks(self, source: str, to: str = "", at: str = "w") -> str:
        """What a client hears at the node port."""
        target = to or ("fd09::1" if ":" in source else "10.9.0.1")
        argv = ["ip", "netns", "exec", self.names[at], sys.executable, "-c", CLIENT, source, target, "30003"]
        return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True).stdout.strip()

    def deploy(self, operation: Any, **arguments: Any) -> list[str]:
        """The operation, as pyinfra runs it, until a command fails; its first words, or what failed."""

        class Host(FakeHost):  # type: ignore[misc]
            def get_fact(_, fact: Any, **kwargs: Any) -> Any:
                return self.fact(fact, **kwargs)

        state, run = FakeState(), []
        with ctx_state.use(state), ctx_host.use(Host(state, "host", {}, {})):
            for command in operation._inner(survey=Survey(), **arguments):
                done = self.run(command)
                run.append(command.get_raw_value().partition(" ")[0])
                if done.returncode:
                    return [f"failed: {done.stderr.strip() or done.returncode}"]
        return run

    def guard(self, callers: list[str] | None = None) -> list[str]:
        return self.deploy(node_ports.guarded, ports=PORTS, callers=lambda: callers or CALLERS)

    def table(self) -> str:
        """The kernel's, handles included, which are new when it was made anew."""
        return self.sh("nft -a list table inet breakwater 2>/dev/null || true")


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Node]:
    """A node without a cluster's rules."""
    names = {key: f"bw{key}{os.getpid()}" for key in "nwp"}
    server = None
    try:
        for name in names.values():
            subprocess.run(["ip", "netns", "add", name], check=True, timeout=10)
        subprocess.run(["sh", "-ec", NETWORK.format(**names)], check=True, timeout=30)
        root = tmp_path / "host"
        root.mkdir()
        argv = ["ip", "netns", "exec", names["p"], sys.executable, "-c", SERVER]
        server = subprocess.Popen(argv, stdout=subprocess.PIPE)
        assert server.stdout
        server.stdout.readline(), server.stdout.readline()
        yield Node(root, names)
    finally:
        if server:
            server.kill()
            server.communicate()
        for name in names.values():
            with contextlib.suppress(subprocess.CalledProcessError):
                subprocess.run(["ip", "netns", "del", name], check=True, timeout=10)


@pytest.fixture(params=KUBE_PROXY)
def node(bare: Node, request: pytest.FixtureRequest) -> Node:
    """A node of a cluster, whose port leads to the pod for everyone."""
    if request.param == "iptables" and not shutil.which("iptables"):
        pytest.skip("iptables is not installed; `make machine` installs it")
    bare.sh(KUBE_PROXY[request.param])
    assert bare.asks(FOREIGN) == bare.asks(FOREIGN6) == "pod"
    return bare


def test_proxies_and_nodes_come_through_and_a_foreign_address_is_refused(node: Node) -> None:
    assert node.guard() == ["PATH=$PATH:/usr/sbin:/sbin;", "printf", "systemctl"]
    found = {source: node.asks(source) for source in (PROXY, PROXY6, NODE2, NODE26, FOREIGN, FOREIGN6)}
    refused = "ConnectionRefusedError"
    assert found == {
        PROXY: "pod", PROXY6: "pod", NODE2: "pod", NODE26: "pod", FOREIGN: refused, FOREIGN6: refused
    }  # fmt: skip


def test_the_node_itself_and_its_pods_come_through(node: Node) -> None:
    node.guard()
    assert node.asks("10.9.0.1", at="n") == "pod"
    assert node.asks("10.244.1.5", to="10.9.0.1", at="p") == "pod"


def test_another_port_and_what_only_passes_through_are_nobody_s_business(node: Node) -> None:
    node.guard()
    node.sh("ip route replace 10.244.1.0/24 via 10.9.0.1 && ip -6 route replace fd44::/64 via fd09::1", "w")
    argv = [*node.inside[:3], node.names["w"], sys.executable, "-c", CLIENT, FOREIGN, "10.244.1.5", "8443"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "pod"


def test_a_second_run_changes_nothing(node: Node) -> None:
    node.guard()
    file, table = (node.root / FILE[1:]).stat(), node.table()
    assert node.guard() == []
    assert ((node.root / FILE[1:]).stat(), node.table()) == (file, table)
    assert [line for line in (node.root / "log").read_text().splitlines() if " show " not in line] == [
        "systemctl daemon-reload", f"systemctl enable -q {UNIT}", f"systemctl reload-or-restart {UNIT}"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "damage",
    [
        "nft flush ruleset",
        "nft add element inet breakwater callers4 '{ 10.9.0.4 }'",
        "nft insert rule inet breakwater callers accept",
        "nft flush chain inet breakwater prerouting",
    ],
)
def test_what_was_done_to_the_table_by_hand_is_seen_and_undone(bare: Node, damage: str) -> None:
    bare.guard()
    before = bare.sh("nft list table inet breakwater")
    bare.sh(damage)
    assert bare.guard() == ["systemctl"]
    assert bare.sh("nft list table inet breakwater") == before
    assert bare.guard() == []


def test_a_proxy_that_left_is_refused_and_one_that_came_passes(node: Node) -> None:
    node.guard()
    assert node.guard([FOREIGN, *CALLERS[2:]]) == ["PATH=$PATH:/usr/sbin:/sbin;", "systemctl"]
    assert (node.asks(FOREIGN), node.asks(PROXY)) == ("pod", "ConnectionRefusedError")


def test_a_file_that_nft_refuses_changes_neither_the_live_table_nor_the_file(
    bare: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare.guard()
    text, table = (bare.root / FILE[1:]).read_text(), bare.table()
    monkeypatch.setattr(node_ports, "ruleset", lambda *args: text.replace("jump callers", "jump nowhere"))
    [said] = bare.guard()
    assert said.startswith("failed: ")
    assert "nowhere" in said
    assert (bare.root / FILE[1:]).read_text() == text
    assert bare.table() == table
    assert [path.name for path in (bare.root / FILE[1:]).parent.iterdir()] == ["node-ports.nft"]


def test_a_run_that_was_killed_before_loading_is_gone_on_with(bare: Node) -> None:
    bare.guard()
    (bare.root / "active").unlink()
    bare.sh("nft delete table inet breakwater")
    assert bare.guard() == ["systemctl"]
    assert bare.table()


def test_open_to_all_leaves_nothing_of_ours_and_others_rules(node: Node) -> None:
    node.guard()
    node.sh("nft add table inet others")
    assert node.deploy(node_ports.open_to_all) == ["systemctl", "rm", "PATH=$PATH:/usr/sbin:/sbin;"]
    assert node.asks(FOREIGN) == "pod"
    assert "table inet others" in node.sh("nft list tables")
    assert not (node.root / FILE[1:]).exists()
    assert not (node.root / UNIT_FILE[1:]).exists()
    assert node.deploy(node_ports.open_to_all) == []


def test_systemd_knows_every_line_of_the_unit(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    file = tmp_path / UNIT
    file.write_text(unit())
    argv = ["systemd-analyze", "verify", "--man=no", str(file)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert UNIT not in done.stderr
