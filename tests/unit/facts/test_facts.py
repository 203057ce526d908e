"""What each fact makes of a host's lines, and that its command is one that every sh takes."""

import json
import os
import subprocess
import time
from typing import Any

import pytest
from folder_host import FolderHost
from pyinfra.api import FactBase, FactProcessError, StringCommand

from breakwater.facts.bundle import Image, Images
from breakwater.facts.helm import HelmRelease, ReleaseState
from breakwater.facts.nfs import ClientState, ForeignExport, NfsClient, NfsMounts, NfsServer, ServerState
from breakwater.facts.preflight import PackageRuns, Preflight
from breakwater.facts.tagged import tagged
from breakwater.facts.trust import Trust

AWKWARD = """/it's "a" $(touch executed) `touch executed`; touch executed"""
FILE = "/etc/exports.d/breakwater.exports"
# Every fact, with arguments that a careless quote would execute.
PACKAGES = ["nfs-kernel-server", "nfs-utils"]
FACTS: list[tuple[type[FactBase[Any]], dict[str, Any]]] = [
    (NfsServer, {"path": AWKWARD, "directories": [AWKWARD, "/srv"], "packages": [AWKWARD, AWKWARD]}),
    (NfsServer, {"path": AWKWARD, "directories": [], "packages": ["a", "b"]}),
    (NfsClient, {"packages": [AWKWARD, AWKWARD]}),
    (NfsMounts, {}),
    (Images, {}),
    (HelmRelease, {"release": AWKWARD, "namespace": AWKWARD, "helm": ["helm", "--kubeconfig", AWKWARD]}),
    (Preflight, {"storage": AWKWARD}),
    (
        Preflight,
        {"storage": AWKWARD, "mounts": True, "locks": [AWKWARD], "exports": [AWKWARD], "firewall": AWKWARD},
    ),
    (PackageRuns, {"locks": [AWKWARD]}),
    (Trust, {"domain": AWKWARD, "registry": f"{AWKWARD}:8443", "cri": True, "anchor": AWKWARD}),
    (Trust, {"domain": AWKWARD, "registry": AWKWARD, "cri": False}),
]
# What each answers when all is well, cut short after any line of which it is nobody's answer.
ANSWERS: dict[type[FactBase[Any]], str] = {
    NfsServer: "system=debian\ninstalled=yes\nfile=yes\ntext=/srv 10.0.0.1(rw)\n\nend=",
    NfsClient: "system=debian\ninstalled=yes\nend=",
    Images: "image=REF TYPE DIGEST SIZE PLATFORMS LABELS\nend=",
    HelmRelease: json.dumps([{"status": "deployed", "revision": 1}]),
    Preflight: "system=debian\nversion=13\nuser=0\nroute=1.1.1.1 src 1.1.1.2\nend=",
    PackageRuns: "package_run=1 apt-get\nend=",
    Trust: "engine=docker\nfile=1 /etc/docker/certs.d/a/ca.crt\ntext=1 a\nstore=update-ca-trust\nend=",
}


@pytest.mark.parametrize(("fact", "arguments"), FACTS, ids=lambda value: getattr(value, "__name__", ""))
def test_its_command_is_plain_sh_and_executes_no_value(
    folder_host: FolderHost, fact: type[FactBase[Any]], arguments: dict[str, Any]
) -> None:
    command = fact().command(**arguments)
    assert isinstance(command, StringCommand)
    syntax = subprocess.run(["dash", "-n", "-c", command.get_raw_value()], capture_output=True, check=False)
    assert (syntax.returncode, syntax.stderr) == (0, b"")
    folder_host.run(command)
    assert not list(folder_host.root.rglob("executed"))


@pytest.mark.parametrize("fact", ANSWERS, ids=lambda fact: fact.__name__)
def test_an_answer_that_was_cut_short_is_none(fact: type[FactBase[Any]]) -> None:
    lines = ANSWERS[fact].splitlines()
    fact().process(lines)
    for count in range(len(lines)):
        with pytest.raises(FactProcessError):
            fact().process(lines[:count])


@pytest.mark.parametrize("fact", ANSWERS, ids=lambda fact: fact.__name__)
def test_what_was_not_read_is_none_and_not_nothing(fact: type[FactBase[Any]]) -> None:
    assert fact().default() is None


def test_tagged_splits_at_the_first_sign_and_leaves_out_what_is_no_answer() -> None:
    lines = ["a=1", "a=x=y", "Last login: today", "", "b=", "end="]
    assert tagged("Fact", lines) == {"a": ["1", "x=y"], "b": [""]}


class TestNfsServer:
    def read(self, host: FolderHost, directories: list[str] | None = None) -> ServerState:
        state = host.fact(NfsServer, path=FILE, directories=directories or [], packages=PACKAGES)
        assert isinstance(state, ServerState)
        return state

    def test_fresh_host(self, folder_host: FolderHost) -> None:
        folder_host.program("dpkg-query", "exit 1")
        assert self.read(folder_host, ["/nowhere"]) == ServerState(
            system=("debian",),
            installed=False,
            running=False,
            text=None,
            interrupted=False,
            table={},
            foreign=(),
            directories={},
            mounts={"/nowhere": "/"},
            disks=frozenset(),
            clients=frozenset(),
            uploads={},
            errors=(),
        )

    def test_host_that_serves(self, folder_host: FolderHost) -> None:
        root = folder_host.root
        text = "# ours\n\n/srv/a 10.0.0.21(rw,sync) fd00::21(rw)\n  indented\\t\n"
        (root / f".{FILE}").write_text(text)
        (root / f".{FILE}.before").touch()
        (root / "etc/exports").write_text("# /not\n/home *(ro)\n\n   \n/opt *(ro)")  # no last newline
        (root / "etc/exports.d/other.exports").write_text("/var *(ro)")
        (root / "etc/exports.d/not-read.txt").write_text("/boot *(ro)\n")
        (root / "etc/fstab").write_text("# /not\n/dev/vda / ext4\n/dev/vdb /srv ext4\n/dev/vdc none swap\n")
        (root / "etc/systemd/system").mkdir(parents=True)
        (root / "etc/systemd/system/data.mount").write_text("[Mount]\nWhat=/dev/vdd\nWhere=/data\n")
        (root / "unit").touch()
        (root / "a b").mkdir(mode=0o750)
        (root / "table").write_text(
            "/srv/a  10.0.0.21(sync,wdelay,rw)\n/srv/a  fd00::21(rw,hide)\n/home  *(ro)\nnonsense\n"
        )
        owner = (root / "a b").stat()
        state = self.read(folder_host, [f"{root}/a b", "/nowhere"])
        assert state == ServerState(
            system=("debian",),
            installed=True,
            running=True,
            text=text,
            interrupted=True,
            table={
                ("/srv/a", "10.0.0.21"): frozenset({"sync", "wdelay", "rw"}),
                ("/srv/a", "fd00::21"): frozenset({"rw", "hide"}),
                ("/home", "*"): frozenset({"ro"}),
            },
            foreign=(
                ForeignExport(f"{root}/etc/exports line 2", "/home", "*", frozenset({"ro"})),
                ForeignExport(f"{root}/etc/exports line 5", "/opt", "*", frozenset({"ro"})),
                ForeignExport(f"{root}/etc/exports.d/other.exports line 1", "/var", "*", frozenset({"ro"})),
            ),
            directories=state.directories,
            mounts=state.mounts,
            disks=frozenset({"/", "/srv", "/data"}),
            clients=frozenset(),
            uploads={},
            errors=(),
        )
        assert state.mounts["/nowhere"] == "/"
        assert os.path.ismount(state.mounts[f"{root}/a b"])
        [(path, (_, numbers, mode))] = state.directories.items()
        assert (path, numbers, mode) == (f"{root}/a b", f"{owner.st_uid}:{owner.st_gid}", "750")

    def test_uploads_that_never_ended(self, folder_host: FolderHost) -> None:
        export = folder_host.root / "a b"
        registry = export / "harbor-harbor-registry-pvc-1/docker/registry/v2/repositories"
        began = {
            "library/x/_uploads/old": 90_000,
            "library/x/_uploads/new": 60,
            "x/_layers/_uploads/old": 90_000,
        }
        for name, age in began.items():
            file = registry / name / "startedat"
            file.parent.mkdir(parents=True)
            file.write_text("x" * 3000)
            os.utime(file, (time.time() - age,) * 2)
        uploads = self.read(folder_host, [str(export), "/nowhere"]).uploads
        assert uploads.keys() == {f"{registry}/library/x/_uploads/old"}
        assert min(uploads.values()) >= 4

    def test_unit_that_is_active_and_not_enabled(self, folder_host: FolderHost) -> None:
        folder_host.program("systemctl", '[ "$1" = is-active ]')
        assert not self.read(folder_host).running

    @pytest.mark.parametrize("text", ["", "\n", "/srv 10.0.0.1(rw)", "end=\n", "error=x\nforeign=/y\n"])
    def test_file_whatever_is_in_it(self, folder_host: FolderHost, text: str) -> None:
        (folder_host.root / f".{FILE}").write_text(text)
        state = self.read(folder_host)
        assert state.text == (text if text.endswith("\n") or not text else f"{text}\n")
        assert (state.errors, state.foreign) == ((), ())

    def test_file_that_cannot_be_read(self, folder_host: FolderHost) -> None:
        (folder_host.root / f".{FILE}").mkdir()  # root reads everything but this
        assert self.read(folder_host).errors == (f"{folder_host.root}{FILE}",)

    def test_name_of_ubuntu_and_of_its_ancestor(self, folder_host: FolderHost) -> None:
        (folder_host.root / "etc/os-release").write_text('ID=ubuntu\nID_LIKE="debian other"\n')
        assert self.read(folder_host).system == ("ubuntu", "debian", "other")

    def test_host_without_a_name(self, folder_host: FolderHost) -> None:
        (folder_host.root / "etc/os-release").write_text("")
        assert self.read(folder_host).system == ()

    def test_foreign_lines_of_every_form(self) -> None:
        lines = ["/a h(rw,sync) 10.0.0.0/24(ro)", "/b -rw,async h1 h2(sync)", '"/c d" (ro)', "", "# /e *(rw)"]
        lines += ["/f \\", "  h(ro)", '/g "h']
        answer = [f"foreign=/etc/exports:{number}:{line}" for number, line in enumerate(lines)]
        state = NfsServer().process([*answer, "end="])
        assert [(f.place, f.path, f.client, set(f.options)) for f in state.foreign] == [
            ("/etc/exports line 0", "/a", "h", {"rw", "sync"}),
            ("/etc/exports line 0", "/a", "10.0.0.0/24", {"ro"}),
            ("/etc/exports line 1", "/b", "h1", {"rw", "async"}),
            ("/etc/exports line 1", "/b", "h2", {"rw", "async", "sync"}),
            ("/etc/exports line 2", "/c d", "*", {"ro"}),
            ("/etc/exports line 6", "/f", "h", {"ro"}),
        ]

    def test_clients(self) -> None:
        state = NfsServer().process(["client=10.0.0.21", "client=[fd00::21]", "end="])
        assert state.clients == {"10.0.0.21", "fd00::21"}


class TestNfsMounts:
    def test_read(self, folder_host: FolderHost) -> None:
        # a mount with two optional fields, one with none, and one that is not NFS
        (folder_host.root / "mountinfo").write_text(
            "64 29 0:48 / /var/lib/kubelet/1/v rw shared:132 master:1 - nfs4 10.0.0.20:/srv/a rw\n"
            "65 29 0:49 / /mnt rw - nfs4 [fd00::20]:/srv/b/c rw\n"
            "66 29 8:1 / /srv rw shared:1 - ext4 /dev/vdb rw\n"
        )
        command = NfsMounts().command().get_raw_value().replace("/proc/self", str(folder_host.root))
        lines = folder_host.run(StringCommand(command)).stdout.splitlines()
        assert NfsMounts().process(lines) == [("/srv/a", "/var/lib/kubelet/1/v"), ("/srv/b/c", "/mnt")]


class TestNfsClient:
    def test_read(self, folder_host: FolderHost) -> None:
        state = folder_host.fact(NfsClient, packages=PACKAGES)
        assert state.system == ("debian",)

    def test_a_package_that_a_killed_run_left_half_installed_is_not(self, folder_host: FolderHost) -> None:
        assert folder_host.fact(NfsClient, packages=PACKAGES).installed
        (folder_host.root / "half-installed").touch()
        assert not folder_host.fact(NfsClient, packages=PACKAGES).installed
        assert not folder_host.fact(
            NfsServer, path="/etc/exports.d/x", directories=[], packages=PACKAGES
        ).installed

    @pytest.mark.parametrize("installed", [True, False])
    def test_process(self, installed: bool) -> None:
        lines = ["system=rocky rhel", *["installed=yes"] * installed, "end="]
        assert NfsClient().process(lines) == ClientState(("rocky", "rhel"), installed)


class TestImages:
    DIGEST = "sha256:" + "a" * 64
    ROWS = [
        "REF                        TYPE                                DIGEST SIZE PLATFORMS LABELS",
        f"registry.k8s.io/pause:3.10 application/vnd.oci.image.index.v1+json {DIGEST} 312.0 KiB "
        "linux/amd64,linux/arm64 io.cri-containerd.image=managed,io.cri-containerd.pinned=pinned",
        f"docker.io/library/b:1 application/vnd.oci.image.manifest.v1+json {DIGEST} 1.2 MiB linux/amd64 -",
        f"localhost:5000/c@{DIGEST} application/vnd.oci.image.manifest.v1+json {DIGEST} 1.2 MiB linux/amd64 "
        "x.io.cri-containerd.pinned=pinned",
    ]

    def ctr(self, host: FolderHost, script: str) -> object:
        host.program("ctr", script)
        return host.fact(Images)

    def test_read(self, folder_host: FolderHost) -> None:
        rows = "\n".join(self.ROWS)
        assert self.ctr(folder_host, f"cat <<'E'\n{rows}\nE\n") == {
            "registry.k8s.io/pause:3.10": Image(self.DIGEST, pinned=True),
            "docker.io/library/b:1": Image(self.DIGEST, pinned=False),
            f"localhost:5000/c@{self.DIGEST}": Image(self.DIGEST, pinned=False),
        }

    def test_none_there(self, folder_host: FolderHost) -> None:
        assert self.ctr(folder_host, f"echo '{self.ROWS[0]}'") == {}

    def test_containerd_that_does_not_answer_is_not_one_without_images(self, folder_host: FolderHost) -> None:
        assert self.ctr(folder_host, "echo 'ctr: failed to dial' >&2; exit 1") is None


class TestHelmRelease:
    ANSWER = [
        {
            "revision": 7,
            "updated": "2026-11-22T10:00:00Z",
            "status": "deployed",
            "chart": "nfs-subdir-external-provisioner-4.0.18",
            "app_version": "4.0.2",
            "description": "breakwater: 100% \\n mark",
        }
    ]

    def helm(self, host: FolderHost, script: str) -> object:
        host.program("helm", script)
        return host.fact(
            HelmRelease, release="nfs-client", namespace="ns", helm=["helm", "--kubeconfig", "/k"]
        )

    def test_read(self, folder_host: FolderHost) -> None:
        # Backslashes and percent signs must survive the shell; a warning may come first.
        answer = json.dumps(self.ANSWER)
        script = f'echo "$@" > "$HOST/asked"; echo WARNING: careful >&2\ncat <<\'E\'\n{answer}\nE\n'
        assert self.helm(folder_host, script) == ReleaseState(
            status="deployed", revision=7, description="breakwater: 100% \\n mark"
        )
        assert (folder_host.root / "asked").read_text() == (
            "--kubeconfig /k history nfs-client --namespace ns --max 1 --output json\n"
        )

    def test_absent(self, folder_host: FolderHost) -> None:
        assert self.helm(folder_host, "echo 'Error: release: not found' >&2; exit 1") == ReleaseState()

    def test_silent_cluster_is_not_one_without_the_release(self, folder_host: FolderHost) -> None:
        said = "Error: Kubernetes cluster unreachable"
        assert self.helm(folder_host, f"echo '{said}' >&2; exit 1") is None
        command = HelmRelease().command(release="nfs-client", namespace="ns", helm=["helm"])
        assert folder_host.run(command).stderr == f"{said}\n"

    @pytest.mark.parametrize(
        "answer", ["", "Error", "{}", "[]", '[{"info": 3}]', '[{"status": "deployed"}]', "[{}] [{}]"]
    )
    def test_answer_of_another_kind(self, answer: str) -> None:
        with pytest.raises(FactProcessError):
            HelmRelease().process(answer.splitlines())
