"""deploy.py itself, run by pyinfra's own command on hosts, a Helm and a cluster that only pretend.

The hosts are pyinfra's @fake: they answer each fact as the test says and every other command with
success. So what is seen here is the run: its order, its end, its exit code, its table, its report.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fake_cluster import FakeCluster, serving

ROOT = Path(__file__).parents[3]
INVENTORY = """
import json
from pathlib import Path
_hosts = json.loads(Path("hosts.json").read_text())
storage = [("@fake/storage", _hosts["storage"])]
nodes = [(_hosts[name].pop("_name", "@fake/" + name), _hosts[name]) for name in ("node1", "node2")]
proxies = [("@fake/proxy", _hosts["proxy"])]
bastion = ["@local"]
"""
SETTINGS = """
exports = [{"path": "/srv/nfs", "storage_class": "nfs-client"}]
kubeconfig = "kubeconfig"
"""
OPTIONS = "(rw,sync,no_subtree_check,no_root_squash)"
EXPORT = f"/srv/nfs 10.0.0.21{OPTIONS} 10.0.0.22{OPTIONS}"
PREFLIGHT = [
    *("system=debian", "version=13", "user=0", "module=nfs", "module=nfsd", "machine_id=HOST"),
    *("address=10.0.0.20", "route=10.0.0.20 dev eth0 src ADDRESS uid 0", "end="),
]
FRESH = {
    "modprobe -n": PREFLIGHT,
    "exportfs -s 2>/dev/null": ["system=debian", "end="],
    "Status-Abbrev}' nfs-common": ["system=debian", "end="],
}
AS_SET = {
    "modprobe -n": [*PREFLIGHT[:-1], "installed=yes", "end="],
    "exportfs -s 2>/dev/null": [
        "system=debian",
        "installed=yes",
        "running=yes",
        "file=yes",
        "text=# Managed by breakwater from group_data/all.py; the next run puts changes back.",
        f"text={EXPORT}",
        f"export=/srv/nfs  10.0.0.21{OPTIONS}",
        f"export=/srv/nfs  10.0.0.22{OPTIONS}",
        "directory=root:root 0:0 755 /srv/nfs",
        "end=",
    ],
    "Status-Abbrev}' nfs-common": ["system=debian", "installed=yes", "end="],
}


def refusing(preflight: object, reason: str) -> dict[str, Any]:
    """Answers of a host that preflight refuses: what fails is the very command that says this reason."""
    return {"modprobe -n": preflight, f"printf '%s\\n' '{reason}": {"success": False, "stderr": reason}}


@dataclass
class Project:
    """A user's folder, and the hosts it is about."""

    folder: Path
    pyinfra: Path
    cluster: FakeCluster
    hosts: dict[str, dict[str, Any]] = field(default_factory=dict)

    def answer(self, host: str, answers: dict[str, Any]) -> None:
        """From now on this host answers so; what comes first counts."""
        address = self.hosts[host]["ssh_hostname"]
        text = json.dumps(answers).replace("HOST", host).replace("ADDRESS", address)
        self.hosts[host]["fake_responses"] = json.loads(text)

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """pyinfra inventory.py deploy.py, to its end."""
        (self.folder / "hosts.json").write_text(json.dumps(self.hosts))
        delays = {"PYINFRA_FAKE_DELAY": "0", "PYINFRA_FAKE_DELAY_JITTER": "0"}
        # Its bytecode is kept for the next run, whatever is said of this one's.
        cache = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(self.pyinfra.parents[1] / "cache")}
        own = {"PYTHONPATH": str(ROOT), "PROJECT": str(self.folder), "COLUMNS": "80"}
        env = {**os.environ, **delays, **cache, **own}
        command = [str(self.pyinfra), *arguments, "--data", "report=report.json", "inventory.py", "deploy.py"]
        (self.folder / "report.json").unlink(missing_ok=True)
        with subprocess.Popen(
            command,
            cwd=self.folder,
            env=env,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            (self.folder / "pid").write_text(str(process.pid))
            out, err = process.communicate(timeout=60)
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def report(self) -> dict[str, Any]:
        """The summary of the last run, as data."""
        report: dict[str, Any] = json.loads((self.folder / "report.json").read_text())
        return report

    def parts(self) -> dict[str, dict[str, str]]:
        """What became of each part, by host."""
        hosts = self.report()["hosts"]
        return {
            host.removeprefix("@fake/"): {name: part["status"] for name, part in parts.items()}
            for host, parts in hosts.items()
        }

    def helm_calls(self) -> list[str]:
        """What Helm was asked to do since this was last asked."""
        log = self.folder / "helm.log"
        calls = log.read_text().split() if log.exists() else []
        log.unlink(missing_ok=True)
        return calls

    @property
    def mark(self) -> Path:
        """That all was proven."""
        return self.folder / ".breakwater" / "proved"


@pytest.fixture(scope="module")
def pyinfra(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This environment's pyinfra, in an environment with another Helm."""
    env, this = tmp_path_factory.mktemp("env"), Path(sys.prefix)
    (env / "bin").mkdir()
    (env / "bin/python").symlink_to(Path(sys.executable))
    (env / "lib").symlink_to(this / "lib")
    shutil.copy(this / "pyvenv.cfg", env)
    program = env / "bin/pyinfra"
    program.write_text(
        f"#!{env}/bin/python\nimport sys\nfrom pyinfra_cli.main import main\nsys.exit(main())\n"
    )
    helm = env / "bin/helm"
    text = (Path(__file__).parent / "fake_helm.py").read_text()
    helm.write_text(f"#!{sys.executable}\n{text}")
    for file in (program, helm):
        file.chmod(0o755)
    return program


@pytest.fixture
def project(tmp_path: Path, pyinfra: Path) -> Iterator[Project]:
    """Fresh hosts, and a cluster of two nodes."""
    (tmp_path / "inventory.py").write_text(INVENTORY)
    (tmp_path / "group_data").mkdir()
    (tmp_path / "group_data/all.py").write_text(SETTINGS)
    (tmp_path / "deploy.py").symlink_to(ROOT / "deploy.py")
    with serving() as cluster:
        cluster.kubeconfig(tmp_path / "kubeconfig")
        addresses = {"storage": "10.0.0.20", "node1": "10.0.0.21", "node2": "10.0.0.22", "proxy": "10.0.0.30"}
        project = Project(tmp_path, pyinfra, cluster)
        for name, address in addresses.items():
            project.hosts[name] = {"ssh_hostname": address}
            project.answer(name, FRESH)
        for node in ("node1", "node2"):
            cluster.add_node(node)
        yield project


def unreachable(project: Project) -> None:
    """The second node is switched off: its name leads to a port that nobody listens on."""
    (project.folder / "ssh_config").write_text("Host 10.0.0.22\n  HostName 127.0.0.1\n  Port 1\n")
    (project.folder / "known_hosts").touch()
    project.hosts["node2"] = {
        "_name": "node2",
        "ssh_hostname": "10.0.0.22",
        "ssh_config_file": "ssh_config",
        "ssh_known_hosts_file": "known_hosts",
        "ssh_strict_host_key_checking": "yes",
    }
    project.cluster.objects.clear()
    project.cluster.add_node("node1")
    project.cluster.add_node("node2", ready="Unknown", address="10.0.0.22")


def test_done_and_proven_then_unchanged_then_killed_then_proven_again(project: Project) -> None:
    done = project.run("-y")
    assert done.returncode == 0, done.stdout + done.stderr
    assert project.helm_calls() == ["history", "upgrade", "list"]
    assert project.parts() == {
        "storage": {"Preflight": "unchanged", "NFS server": "done", "Proof": "done"},
        "node1": {"Preflight": "unchanged", "NFS client": "done", "Proof": "done"},
        "node2": {"Preflight": "unchanged", "NFS client": "done", "Proof": "done"},
        "proxy": {"Preflight": "unchanged"},
        "@local": {"Preflight": "unchanged", "Storage class": "done", "Proof": "done"},
    }
    assert project.report()["result"] == "done"
    assert re.search(r"^storage +NFS server +done +\d+\.\d *$", done.stdout.replace("@fake/", ""), re.M)
    assert re.search(
        r"^breakwater: done, \d+ s\nNext: kubectl get storageclass nfs-client$", done.stdout, re.M
    )

    for name in project.hosts:
        project.answer(name, AS_SET)
    before, asked = project.mark.stat(), len(project.cluster.asked)
    again = project.run("-y")
    assert again.returncode == 0
    assert project.helm_calls() == ["history", "list"]
    assert {status for parts in project.parts().values() for status in parts.values()} == {"unchanged"}
    assert project.report()["result"] == "unchanged"
    assert project.mark.stat().st_mtime_ns == before.st_mtime_ns
    written = [line for line in project.cluster.asked[asked:] if not line.startswith("GET")]
    # Taken, seen to be ours still before anything changes, given back.
    assert [line.partition(" ")[0] for line in written if "/leases" in line] == ["POST", "PUT", "DELETE"]
    assert len(written) == 3

    # Killed while Helm was at work, which came to its end: all is as set, and nobody has proven it.
    (project.folder / "history").unlink()
    (project.folder / "deadly").touch()
    assert project.run("-y").returncode == -9
    assert not project.mark.exists()
    assert project.run("-y").returncode == 0
    assert project.helm_calls() == ["history", "upgrade", "history", "list"]
    assert project.parts()["@local"] == {
        "Preflight": "unchanged",
        "Storage class": "unchanged",
        "Proof": "done",
    }
    assert project.mark.exists()


def test_a_host_that_fails_in_the_middle_stops_the_line(project: Project) -> None:
    project.answer("storage", {"exportfs -ra": {"success": False, "stderr": ["exportfs: boom"]}, **FRESH})
    failed = project.run("-y")
    assert failed.returncode == 1
    assert project.helm_calls() == []
    assert project.parts() == {
        "storage": {"Preflight": "unchanged", "NFS server": "failed", "Proof": "not reached"},
        "node1": {"Preflight": "unchanged", "NFS client": "not reached", "Proof": "not reached"},
        "node2": {"Preflight": "unchanged", "NFS client": "not reached", "Proof": "not reached"},
        "proxy": {"Preflight": "unchanged"},
        "@local": {"Preflight": "unchanged", "Storage class": "not reached", "Proof": "not reached"},
    }
    report = project.report()
    assert report["result"] == "failed"
    assert report["hosts"]["@fake/storage"]["NFS server"]["reasons"] == ["exportfs: boom"]
    said = "Ended here, because these hosts were lost: @fake/storage. Later parts were not begun."
    assert said in failed.stdout
    assert report["next"].startswith("mend what is said above, then run the same again: pyinfra -y --data ")
    assert not project.mark.exists()


def test_an_unreachable_host_stops_it_before_any_change(project: Project) -> None:
    unreachable(project)
    failed = project.run("-y")
    assert failed.returncode == 1
    assert project.helm_calls() == []
    parts = project.parts()
    assert parts.pop("node2") == {"Connection": "failed"}
    # The proxy's only part in preflight is to wait for the others.
    assert {host: parts[host]["Preflight"] for host in parts} == {
        "storage": "unchanged",
        "node1": "unchanged",
        "@local": "unchanged",
        "proxy": "not reached",
    }
    others = {part: status for part_of in parts.values() for part, status in part_of.items()}
    assert {status for part, status in others.items() if part != "Preflight"} == {"not reached"}


def test_several_that_fail_at_once_are_all_named(project: Project) -> None:
    no_nfs = [line for line in PREFLIGHT if line != "module=nfs"]
    fault = "its kernel has no module nfs; install a kernel that has, or reboot into the installed one"
    for name in ("node1", "node2"):
        project.answer(name, refusing(no_nfs, fault))
    no_sudo = {"success": False, "stderr": "sudo: a password is required"}
    project.answer("storage", refusing(no_sudo, "it could not be looked at"))
    failed = project.run("-y")
    assert failed.returncode == 1
    hosts = project.report()["hosts"]
    assert {name.removeprefix("@fake/"): parts["Preflight"]["reasons"] for name, parts in hosts.items()} == {
        "storage": ["it could not be looked at"],
        "node1": [fault],
        "node2": [fault],
        "proxy": [],
        "@local": [],
    }
    assert "lost: @fake/storage, @fake/node1, @fake/node2." in failed.stdout
    assert project.parts()["storage"]["NFS server"] == "not reached"


def test_when_the_last_host_fails_there_is_still_a_table(project: Project) -> None:
    for name in ("storage", "node1", "node2"):
        project.answer(name, refusing(["user=0", "system=alpine", "end="], "alpine is not known; "))
    (project.folder / "kubeconfig").unlink()
    failed = project.run("-y", "--exclude", "@fake/proxy")
    assert failed.returncode == 1
    parts = project.parts()
    assert {parts[host]["Preflight"] for host in ("storage", "node1", "node2", "@local")} == {"failed"}
    [reason] = project.report()["hosts"]["@local"]["Preflight"]["reasons"]
    assert reason == "kubeconfig: kubeconfig is not there; copy the cluster's admin kubeconfig to it"
    assert parts["storage"]["NFS server"] == "not reached"
    assert project.report()["next"].endswith(
        ": pyinfra -y --exclude @fake/proxy --data report=report.json inventory.py deploy.py"
    )


def test_wrong_settings_end_it_once_with_2(project: Project) -> None:
    (project.folder / "group_data/all.py").write_text("exports = [{'path': 'srv'}]\nkubeconfg = 'x'\n")
    wrong = project.run("-y")
    assert wrong.returncode == 2
    for key in ("kubeconfg: ", "exports[0].path: "):
        assert len(re.findall(rf"^{re.escape(key)}", wrong.stderr, re.M)) == 1
    assert not (project.folder / "report.json").exists()
    assert "breakwater:" not in wrong.stdout


def test_part_of_the_hosts(project: Project) -> None:
    assert project.run("-y", "--limit", "nodes").returncode == 0
    assert project.parts() == {
        name: {"Preflight": "unchanged", "NFS client": "done", "Proof": "done"} for name in ("node1", "node2")
    }
    assert project.helm_calls() == []


def test_a_dry_run_changes_nothing_and_writes_nothing(project: Project) -> None:
    before = {path for path in project.folder.iterdir() if path.name not in ("hosts.json", "pid")}
    dry = project.run("--dry")
    assert dry.returncode == 0, dry.stderr
    assert project.helm_calls() == ["history", "list"]
    left = {path for path in project.folder.iterdir() if path.name not in ("hosts.json", "pid")}
    assert left - before == {path for path in left if path.name == "__pycache__"}
    assert not [line for line in project.cluster.asked if not line.startswith("GET")]


def test_a_proof_that_the_storage_host_does_not_see_is_tidied_up_and_made_again(project: Project) -> None:
    project.answer("storage", {"-exec grep": {"success": False, "stderr": "not here"}, **FRESH})
    assert project.run("-y").returncode == 1
    assert project.parts()["storage"]["Proof"] == "failed"
    theirs = ("nodes", "secrets")  # the last are Helm's records
    assert not any(items for path, items in project.cluster.objects.items() if not path.endswith(theirs))
    assert not project.mark.exists()

    # Next time nothing is left to do but the proof.
    for name in project.hosts:
        project.answer(name, AS_SET)
    assert project.run("-y").returncode == 0
    assert project.parts()["@local"] == {
        "Preflight": "unchanged",
        "Storage class": "unchanged",
        "Proof": "done",
    }
    assert project.mark.exists()


DROPS = [
    *("firewall=nftables", "rule=table inet filter {", "rule=\tchain input {"),
    *("rule=\t\ttype filter hook input priority filter; policy drop;", "rule=\t}", "rule=}"),
]


def beside(lines: list[str], *more: str) -> list[str]:
    """An answer with more in it."""
    return [*lines[:-1], *more, "end="]


def test_all_that_is_wrong_anywhere_is_one_table(project: Project) -> None:
    no_nfs = [line for line in beside(PREFLIGHT, "port=124") if line != "module=nfs"]
    project.answer("node1", refusing(no_nfs, "its kernel has no module nfs"))
    project.answer("storage", refusing(beside(PREFLIGHT, *DROPS), "nftables keeps"))
    project.cluster.objects.clear()
    project.cluster.add_node("node1")
    project.cluster.add_node("node2", ready="False")
    project.cluster.add_node("new", address="10.0.0.23")
    project.cluster.add_node(
        "control", address="10.0.0.9", taint="node-role.kubernetes.io/control-plane:NoSchedule"
    )
    failed = project.run("-y")
    assert failed.returncode == 1
    report = project.report()
    assert {(finding["host"].removeprefix("@fake/"), finding["what"]) for finding in report["preflight"]} == {
        ("node1", "its kernel has no module nfs"),
        ("storage", "nftables keeps @fake/node1 (10.0.0.21) from port 2049"),
        ("node2", "node node2 is not Ready: KubeletSaid"),
        ("(cluster)", "node new (10.0.0.23) takes pods and is no host of the inventory"),
    }
    [fix] = [finding["fix"] for finding in report["preflight"] if "nftables" in finding["what"]]
    assert fix.startswith(
        "nft insert rule inet filter input ip saddr '{ 10.0.0.21 }' tcp dport 2049 accept; "
    )
    table = failed.stdout.partition("What is wrong")[2]
    assert all(finding["what"] in table and finding["fix"] in table for finding in report["preflight"])
    assert project.parts()["storage"]["NFS server"] == "not reached"
    assert not (project.folder / ".breakwater/addresses.json").exists()
    # A plan says it too, and has found it by the same looks.
    plan = project.run("--dry")
    assert "its kernel has no module nfs" in plan.stdout.partition("What is wrong")[2]


def test_a_node_that_is_down_and_may_be(project: Project) -> None:
    unreachable(project)
    (project.folder / "group_data/all.py").write_text(SETTINGS + 'nodes_down = ["node2"]\n')
    done = project.run("-y")
    assert done.returncode == 0, done.stdout + done.stderr
    assert project.report()["result"] == "done"
    assert project.parts()["node2"] == {"Connection": "down"}
    assert project.parts()["node1"]["NFS client"] == "done"
    [warning] = project.report()["warnings"]
    assert warning == "node2: not reached, and in nodes_down: this run went on without it"
    assert f"Warning: {warning}\n" in done.stdout
    assert project.mark.exists()
    # Nor does it excuse any other host.
    project.answer("node1", {"nfs-common": {"success": False, "stderr": "E: broken"}, **FRESH})
    assert project.run("-y").returncode == 1
    assert "lost: @fake/node1. Later" in project.report()["ended_because"][0]


def test_a_node_that_is_down_and_excluded(project: Project) -> None:
    unreachable(project)
    done = project.run("-y", "--exclude", "node2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "node2" not in project.parts()
    assert project.report()["warnings"] == []


def test_a_node_that_is_back(project: Project) -> None:
    (project.folder / "group_data/all.py").write_text(SETTINGS + 'nodes_down = ["@fake/node2"]\n')
    assert project.run("-y").returncode == 0
    assert project.parts()["node2"]["NFS client"] == "done"
    assert project.report()["warnings"] == [
        "@fake/node2: in nodes_down, and it answers: take it out of the list"
    ]


def test_where_nodes_come_from_is_remembered(project: Project) -> None:
    another = [line.replace("src ADDRESS", "src 192.168.0.22") for line in PREFLIGHT]
    project.answer("node2", {**FRESH, "modprobe -n": another})
    assert project.run("-y").returncode == 0
    file = project.folder / ".breakwater/addresses.json"
    assert json.loads(file.read_text()) == {"@fake/node1": ["10.0.0.21"], "@fake/node2": ["192.168.0.22"]}
    assert file.stat().st_mode & 0o777 == 0o600
    before = file.stat()
    # Whoever is not looked at keeps what was seen of it; what is as it was is not written.
    assert project.run("-y", "--exclude", "@fake/node2").returncode == 0
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_the_firewall_is_opened_before_the_server(project: Project) -> None:
    (project.folder / "group_data/all.py").write_text(SETTINGS + 'firewall = "manage"\n')
    closed = beside(PREFLIGHT, "firewall=ufw", "rule=ufw allow 22/tcp")
    project.answer("storage", {**FRESH, "modprobe -n": closed, "ufw prepend": {"success": False}})
    project.answer("node1", {**FRESH, "modprobe -n": beside(PREFLIGHT, "port=124")})
    assert project.run("-y").returncode == 1
    assert project.parts()["storage"] == {
        "Preflight": "unchanged",
        "Firewall": "failed",
        "NFS server": "not reached",
        "Proof": "not reached",
    }
