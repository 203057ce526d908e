"""Trust, really run on a folder: what the fact reads, a run changes, and the next one leaves alone."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from folder_host import FolderHost
from pyinfra.api import StringCommand
from trust_host import (
    CERTS,
    DOMAIN,
    OWNER,
    PEM,
    UPDATE,
    deploy,
    log,
    read,
    registry_of,
    tree,
    version_of,
)

from breakwater.facts.trust import Trust
from breakwater.survey import Survey
from breakwater.trust.settings import Trust as Settings

KUBEADM = """version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "registry.k8s.io/pause:3.10"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = true"""


class TestContainerd:
    """config_path is there afterwards, nothing else is different, and it is restarted once."""

    @pytest.mark.parametrize(
        "text",
        [
            None,
            "",
            "# nothing\n\n",
            "version = 2\n",
            KUBEADM,
            KUBEADM + '\n[plugins."io.containerd.grpc.v1.cri".registry]\n  config_path = ""\n',
            "version = 2\n[plugins.'io.containerd.grpc.v1.cri'.registry] # mine\n[debug]\n  level = 'info'\n",
        ],
        ids=["absent", "empty", "comments", "version only", "kubeadm", "empty config_path", "empty table"],
    )
    def test_config_path_is_set_once(
        self, containerd_host: FolderHost, config: Path, text: str | None
    ) -> None:
        if text is not None:
            config.write_text(text)
            config.chmod(0o600)
        run = deploy(containerd_host)
        assert len(run) == 3, run
        assert log(containerd_host) == ["restart containerd"]
        assert registry_of(containerd_host, config) == "/etc/containerd/certs.d"
        assert [path.name for path in config.parent.iterdir() if path.name.startswith("config")] == [
            config.name
        ]
        if text is not None:
            assert oct(config.stat().st_mode) == "0o100600"
            assert [line for line in text.splitlines() if "config_path" not in line and line] == [
                line for line in config.read_text().splitlines()
                if line in text.splitlines() and line and "config_path" not in line
            ]  # fmt: skip
        before = tree(containerd_host)
        assert deploy(containerd_host) == []
        assert tree(containerd_host) == before

    def test_a_table_of_version_3(self, containerd_host: FolderHost, config: Path) -> None:
        if version_of(containerd_host) == 2:
            pytest.skip("this containerd does not read it")
        config.write_text(
            "version = 3\n[plugins.'io.containerd.cri.v1.images'.registry]\n  config_path = ''\n"
        )
        assert len(deploy(containerd_host)) == 3
        assert registry_of(containerd_host, config) == "/etc/containerd/certs.d"
        assert config.read_text().count("config_path") == 1
        assert deploy(containerd_host) == []

    def test_the_user_s_own_folder_is_used(self, containerd_host: FolderHost, config: Path) -> None:
        own = containerd_host.root / "etc/own"
        config.write_text(
            f'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry]\n  config_path = "{own}"\n'
        )
        before = config.stat().st_mtime_ns
        assert len(deploy(containerd_host)) == 2
        assert (own / DOMAIN / "hosts.toml").exists()
        assert config.stat().st_mtime_ns == before
        assert log(containerd_host) == []
        assert deploy(containerd_host) == []

    def test_a_folder_of_files_that_it_imports_is_seen(
        self, containerd_host: FolderHost, config: Path
    ) -> None:
        own, folder = containerd_host.root / "etc/own", containerd_host.root / "etc/containerd/conf.d"
        folder.mkdir()
        (folder / "own.toml").write_text(
            f'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry]\n  config_path = "{own}"\n'
        )
        config.write_text(f'version = 2\nimports = ["{folder}/*.toml"]\n')
        assert len(deploy(containerd_host)) == 2
        assert (own / DOMAIN / "hosts.toml").exists()
        assert log(containerd_host) == []

    def test_an_import_that_replaces_the_table_is_said(
        self, containerd_host: FolderHost, config: Path
    ) -> None:
        if version_of(containerd_host) == 3:
            pytest.skip("containerd 2.x moves the registry of such a file into another table, which stays")
        folder = containerd_host.root / "etc/containerd/conf.d"
        folder.mkdir()
        (folder / "gpu.toml").write_text(KUBEADM + '\n[plugins."io.containerd.grpc.v1.cri".registry]\n')
        config.write_text(f'version = 2\nimports = ["{folder}/*.toml"]\n')
        before = config.read_text()
        [said] = deploy(containerd_host)
        assert "does not read config_path from there" in said
        assert 'registry]: config_path = "/etc/containerd/certs.d"' in said
        assert config.read_text() == before
        assert {path.name for path in config.parent.iterdir()} == {"config.toml", "conf.d", "certs.d"}
        assert log(containerd_host) == []

    @pytest.mark.parametrize("table", ['mirrors."docker.io"', 'configs."old.example.org".tls'])
    def test_the_old_form_is_refused(self, containerd_host: FolderHost, config: Path, table: str) -> None:
        if version_of(containerd_host) == 3 and "tls" in table:
            pytest.skip("containerd 2.x does not know it any more")
        config.write_text(
            f'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry.{table}]\n  endpoint = ["https://m"]\n'
            + ("" if "mirrors" in table else '  ca_file = "/x"\n')
        )
        before = tree(containerd_host)
        [said] = deploy(containerd_host)
        assert "in the old form, which excludes config_path" in said
        assert tree(containerd_host) == before

    def test_passwords_of_its_file_stay_there(self, containerd_host: FolderHost, config: Path) -> None:
        config.write_text(
            'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry.configs."r.example.org".auth]\n'
            '  username = "u"\n  password = "SECRET"\n'
        )
        done = containerd_host.run(Trust().command(DOMAIN, DOMAIN, cri=True))
        assert "SECRET" not in done.stdout
        run = deploy(containerd_host)
        assert len(run) == 3
        assert "SECRET" not in "".join(run)
        assert "SECRET" in config.read_text()

    def test_without_the_plugin_nothing_is_changed(self, containerd_host: FolderHost, config: Path) -> None:
        config.write_text('version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
        assert len(deploy(containerd_host)) == 2
        assert log(containerd_host) == []

    def test_a_client_s_containerd_is_not_asked(self, containerd_host: FolderHost, config: Path) -> None:
        config.write_text("not toml [")
        assert len(deploy(containerd_host, cri=False)) == 2
        assert log(containerd_host) == []

    def test_a_file_that_it_cannot_read_is_said(self, containerd_host: FolderHost, config: Path) -> None:
        config.write_text("not toml [")
        assert deploy(containerd_host) == [
            "failed: containerd does not read its own configuration; see: containerd config dump"
        ]

    @pytest.mark.parametrize("there", [True, False])
    def test_the_former_file_is_back_when_it_does_not_come_up(
        self, containerd_host: FolderHost, config: Path, there: bool
    ) -> None:
        if there:
            config.write_text(KUBEADM)
        (containerd_host.root / "deaf").touch()
        [said] = deploy(containerd_host)
        assert said.startswith(
            "failed: containerd did not take its new configuration; the former one is back"
        )
        assert (config.read_text() if config.exists() else None) == (KUBEADM if there else None)
        assert log(containerd_host) == ["restart containerd"] * 2
        assert {path.name for path in config.parent.iterdir()} <= {"config.toml", "certs.d"}

    def test_killed_before_the_restart_the_next_run_ends_the_work(
        self, containerd_host: FolderHost, config: Path
    ) -> None:
        config.write_text(KUBEADM)
        (containerd_host.root / "deadly").touch()
        assert deploy(containerd_host) == ["failed: -9"]
        assert registry_of(containerd_host, config) == "/etc/containerd/certs.d"
        assert len(deploy(containerd_host)) == 1
        assert log(containerd_host) == ["restart containerd"] * 2
        assert deploy(containerd_host) == []


@pytest.mark.parametrize("containerd_host", ["2"], indirect=True)
class TestFiles:
    """Whose files are written, left, refused and removed."""

    @pytest.fixture(autouse=True)
    def settled(self, containerd_host: FolderHost, config: Path) -> Iterator[None]:
        """containerd has its config_path, and two engines more are there."""
        config.write_text(
            'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry]\n'
            f'  config_path = "{containerd_host.root}/etc/containerd/certs.d"\n'
        )
        for name in ("dockerd", "podman"):
            containerd_host.program(name, "")
        yield
        assert log(containerd_host) in ([], ["update"], ["update"] * 2)

    def there(self, on: FolderHost) -> set[str]:
        """Files for registries, from /etc/ on."""
        found = (on.root / "etc").glob("*/certs.d/*/*")
        return {str(path.relative_to(on.root / "etc")) for path in found}

    def ours(self, name: str) -> set[str]:
        return {
            f"docker/certs.d/{name}/ca.crt", f"containers/certs.d/{name}/ca.crt",
            f"containerd/certs.d/{name}/ca.crt", f"containerd/certs.d/{name}/hosts.toml",
        }  # fmt: skip

    def test_every_engine_has_its_own(self, containerd_host: FolderHost) -> None:
        assert len(deploy(containerd_host)) == 4
        assert self.there(containerd_host) == self.ours(DOMAIN)
        hosts = containerd_host.root / CERTS / DOMAIN / "hosts.toml"
        assert hosts.read_text().splitlines()[1:] == [f'server = "https://{DOMAIN}"', 'ca = "ca.crt"']
        assert PEM in hosts.with_name("ca.crt").read_text()
        assert deploy(containerd_host) == []

    def test_a_port_other_than_443_is_part_of_the_name(self, containerd_host: FolderHost) -> None:
        deploy(containerd_host, port=8443)
        assert self.there(containerd_host) == self.ours(f"{DOMAIN}:8443")
        assert deploy(containerd_host, port=8443) == []
        assert len(deploy(containerd_host)) == 8
        assert self.there(containerd_host) == self.ours(DOMAIN)

    def test_a_renamed_domain_leaves_nothing(self, containerd_host: FolderHost) -> None:
        deploy(containerd_host, domain="old.example.org")
        (containerd_host.root / "etc/docker/certs.d/old.example.org/client.cert").write_text("mine")
        assert len(deploy(containerd_host)) == 8
        assert self.there(containerd_host) == self.ours(DOMAIN) | {
            "docker/certs.d/old.example.org/client.cert"
        }
        assert deploy(containerd_host) == []

    def test_another_breakwater_s_stay(self, containerd_host: FolderHost) -> None:
        deploy(containerd_host, domain="other.example.org", owner="10.9.9.9")
        deploy(containerd_host)
        assert self.there(containerd_host) == self.ours(DOMAIN) | self.ours("other.example.org")
        assert deploy(containerd_host, domain="other.example.org", owner="10.9.9.9") == []

    def test_a_public_certificate_needs_none(self, containerd_host: FolderHost) -> None:
        deploy(containerd_host)
        assert len(deploy(containerd_host, pem="")) == 4
        assert self.there(containerd_host) == set()
        assert deploy(containerd_host, pem="") == []

    @pytest.mark.parametrize(
        "path",
        [
            f"docker/certs.d/{DOMAIN}/ca.crt",
            f"containerd/certs.d/{DOMAIN}/hosts.toml",
            f"containerd/certs.d/{DOMAIN}/ca.crt",
        ],
    )
    def test_somebody_else_s_is_refused(self, containerd_host: FolderHost, path: str) -> None:
        file = containerd_host.root / "etc" / path
        file.parent.mkdir(parents=True)
        file.write_text("theirs")
        before = tree(containerd_host)
        [said] = deploy(containerd_host)
        assert said == (
            f"failed: /etc/{path}: is for {DOMAIN} and not breakwater's; move it away, or remove it"
        )
        assert tree(containerd_host) == before
        assert deploy(containerd_host, pem="") == []

    def test_the_name_that_containerd_looks_for_first_is_refused(self, containerd_host: FolderHost) -> None:
        file = containerd_host.root / CERTS / f"{DOMAIN}_8443_" / "hosts.toml"
        file.parent.mkdir(parents=True)
        file.write_text("theirs")
        [said] = deploy(containerd_host, port=8443)
        assert f"{DOMAIN}_8443_/hosts.toml: is for {DOMAIN}:8443 and not breakwater's" in said

    def test_the_same_ca_put_there_by_hand_is_left(self, containerd_host: FolderHost) -> None:
        file = containerd_host.root / f"etc/docker/certs.d/{DOMAIN}/ca.crt"
        file.parent.mkdir(parents=True)
        file.write_text(f"\n{PEM}")
        assert len(deploy(containerd_host)) == 3
        assert deploy(containerd_host) == []
        deploy(containerd_host, pem="")
        assert self.there(containerd_host) == {f"docker/certs.d/{DOMAIN}/ca.crt"}

    def test_only_the_engines_of_the_settings(self, containerd_host: FolderHost) -> None:
        settings = Settings(engines=("podman", "cri-o"))
        assert len(deploy(containerd_host, settings=settings)) == 1
        assert self.there(containerd_host) == {f"containers/certs.d/{DOMAIN}/ca.crt"}

    def test_the_system_s_store(self, containerd_host: FolderHost) -> None:
        containerd_host.program("update-ca-certificates", UPDATE)
        folder = containerd_host.root / "usr/local/share/ca-certificates"
        folder.mkdir(parents=True)
        settings = Settings(system_store=True, engines=("docker",))
        assert len(deploy(containerd_host, settings=settings)) == 2
        assert [path.name for path in folder.iterdir()] == [f"breakwater-{DOMAIN}.crt"]
        assert deploy(containerd_host, settings=settings) == []
        # A run that was killed before the store took the file.
        (containerd_host.root / "etc/ssl/certs/ca-certificates.crt").write_text("others")
        (containerd_host.root / "log").unlink()
        assert len(deploy(containerd_host, settings=settings)) == 1
        assert deploy(containerd_host, settings=settings) == []
        assert len(deploy(containerd_host, settings=Settings(engines=("docker",)))) == 1
        assert list(folder.iterdir()) == []
        assert deploy(containerd_host, settings=Settings(engines=("docker",))) == []

    def test_an_unreadable_file_is_said(self, containerd_host: FolderHost) -> None:
        (containerd_host.root / CERTS / DOMAIN / "hosts.toml").mkdir(parents=True)
        assert deploy(containerd_host) == [
            f"failed: /{CERTS}/{DOMAIN}/hosts.toml could not be read, so nothing was changed"
        ]

    def test_a_node_without_an_engine_is_noted(self, folder_host: FolderHost) -> None:
        (folder_host.root / "etc/hosts").write_text("127.0.0.1 localhost\n")
        survey = Survey()
        for name in ("containerd", "dockerd", "podman"):
            (folder_host.programs / name).unlink()
        assert deploy(folder_host, survey=survey) == []
        assert survey.warnings[0].startswith("node1: none of docker, containerd, podman, cri-o is there")


@pytest.mark.parametrize("containerd_host", ["2"], indirect=True)
class TestHosts:
    """Lines of ours in a file of others'."""

    SETTINGS = Settings(etc_hosts=True, engines=("podman",))

    @pytest.fixture
    def hosts(self, containerd_host: FolderHost) -> Path:
        file = containerd_host.root / "etc/hosts"
        file.chmod(0o640)
        return file

    def test_lines_are_added_changed_and_removed(self, containerd_host: FolderHost, hosts: Path) -> None:
        both = ["10.0.0.31", "10.0.0.32"]
        deploy(containerd_host, settings=self.SETTINGS, addresses=tuple(both), cri=False)
        assert hosts.read_text() == (
            f"127.0.0.1 localhost\n10.0.0.31 {DOMAIN} # breakwater {OWNER}\n"
            f"10.0.0.32 {DOMAIN} # breakwater {OWNER}\n"
        )
        assert oct(hosts.stat().st_mode) == "0o100640"
        assert deploy(containerd_host, settings=self.SETTINGS, addresses=tuple(both), cri=False) == []
        assert len(deploy(containerd_host, settings=self.SETTINGS, addresses=tuple(both[1:]), cri=False)) == 1
        assert hosts.read_text().splitlines()[1:] == [f"10.0.0.32 {DOMAIN} # breakwater {OWNER}"]
        deploy(containerd_host, settings=Settings(engines=("podman",)), cri=False)
        assert hosts.read_text() == "127.0.0.1 localhost\n"

    def test_a_renamed_domain_s_lines_go_and_another_breakwater_s_stay(
        self, containerd_host: FolderHost, hosts: Path
    ) -> None:
        hosts.write_text(
            f"127.0.0.1 localhost\n10.0.0.31 old.example.org # breakwater {OWNER}\n"
            "10.9.9.9 other.example.org # breakwater 10.9.9.1\n# breakwater\n"
        )
        deploy(containerd_host, settings=self.SETTINGS, cri=False)
        assert hosts.read_text() == (
            "127.0.0.1 localhost\n10.9.9.9 other.example.org # breakwater 10.9.9.1\n# breakwater\n"
            f"10.0.0.31 {DOMAIN} # breakwater {OWNER}\n"
        )
        assert deploy(containerd_host, settings=self.SETTINGS, cri=False) == []

    def test_somebody_s_line_that_leads_elsewhere_is_refused(
        self, containerd_host: FolderHost, hosts: Path
    ) -> None:
        hosts.write_text(f"127.0.0.1 localhost\n10.8.8.8 a.example.org {DOMAIN.upper()}\n# {DOMAIN}\n")
        assert deploy(containerd_host, settings=self.SETTINGS, cri=False) == [
            f"failed: line 2 of /etc/hosts sends {DOMAIN} to 10.8.8.8; remove that line"
        ]
        assert deploy(containerd_host, settings=self.SETTINGS, addresses=("10.8.8.8",), cri=False)

    def test_no_address_is_said(self, containerd_host: FolderHost, hosts: Path) -> None:
        [said] = deploy(containerd_host, settings=self.SETTINGS, addresses=(), cri=False)
        assert said == "failed: trust.etc_hosts: no address of a proxy is known; write trust.addresses"


@pytest.mark.parametrize("containerd_host", ["2"], indirect=True)
def test_programs_of_an_archive_are_found_where_sudo_does_not_look(containerd_host: FolderHost) -> None:
    folder = containerd_host.root / "usr/local/bin"
    folder.mkdir(parents=True)
    (containerd_host.programs / "containerd").rename(folder / "containerd")
    command = Trust().command(DOMAIN, DOMAIN, cri=True).get_raw_value()
    done = containerd_host.run(StringCommand(command.replace("/usr/local/bin", str(folder))))
    assert "engine=containerd" in done.stdout.splitlines()
    assert "dump=2" in done.stdout.splitlines()


@pytest.mark.parametrize("containerd_host", ["2"], indirect=True)
def test_the_way_is_read(containerd_host: FolderHost) -> None:
    state = read(containerd_host)
    assert state.way.addresses == ("10.0.0.31",)
    assert state.way.lines == ()


class TestDockerHub:
    """Images of Docker Hub come through the cache, where the engines can be told so."""

    MIRROR = f"{CERTS}/docker.io/hosts.toml"

    def test_containerd_asks_the_cache_first_and_docker_hub_then(self, containerd_host: FolderHost) -> None:
        deploy(containerd_host, cache="hub")
        found = tomllib.loads((containerd_host.root / self.MIRROR).read_text())
        assert found == {
            "server": "https://registry-1.docker.io",
            "host": {
                f"https://{DOMAIN}/v2/hub": {
                    "capabilities": ["pull", "resolve"],
                    "override_path": True,
                    "ca": f"../{DOMAIN}/ca.crt",
                }
            },
        }
        before = tree(containerd_host)
        assert deploy(containerd_host, cache="hub") == []
        assert tree(containerd_host) == before

    def test_with_a_public_certificate_there_is_a_mirror_all_the_same(
        self, containerd_host: FolderHost
    ) -> None:
        deploy(containerd_host, pem="", cache="hub")
        assert "ca =" not in (containerd_host.root / self.MIRROR).read_text()
        assert registry_of(containerd_host, containerd_host.root) == "/etc/containerd/certs.d"
        assert not (containerd_host.root / CERTS / DOMAIN).exists()

    def test_podman_too(self, containerd_host: FolderHost) -> None:
        deploy(containerd_host, cache="hub", settings=Settings(engines=("podman",)), cri=False)
        file = containerd_host.root / "etc/containers/registries.conf.d/breakwater-docker.io.conf"
        [registry] = tomllib.loads(file.read_text())["registry"]
        assert registry["mirror"] == [{"location": f"{DOMAIN}/hub"}]
        assert (registry["prefix"], registry["location"]) == ("docker.io", "docker.io")

    def test_it_goes_with_its_line_of_the_settings(self, containerd_host: FolderHost) -> None:
        deploy(containerd_host, cache="hub", settings=Settings(engines=("podman", "containerd")))
        deploy(containerd_host)
        assert "docker.io" not in str(list(tree(containerd_host)))
        assert (containerd_host.root / CERTS / DOMAIN / "hosts.toml").exists()

    def test_somebody_s_own_mirror_is_refused_unread(self, containerd_host: FolderHost) -> None:
        file = containerd_host.root / self.MIRROR
        file.parent.mkdir(parents=True)
        file.write_text('[host."https://mirror.example.org"]\nheader = {Authorization = "Basic c2VjcmV0"}\n')
        assert "c2VjcmV0" not in str(read(containerd_host))
        [said] = deploy(containerd_host, cache="hub")
        assert "is somebody's own mirror of Docker Hub" in said
        # Without a cache it is nobody's business.
        deploy(containerd_host)
        assert file.exists()
