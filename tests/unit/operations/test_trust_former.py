"""When another CA signs, hosts trust both until the proxies show what it has signed, and then it alone."""

from pathlib import Path
from typing import Any

import pytest
import trust_host
from folder_host import FolderHost
from pyinfra.api import StringCommand
from trust_host import CERTS, DOMAIN, PEM, UPDATE, deploy, tree

from breakwater.survey import Survey
from breakwater.trust.files import certificates
from breakwater.trust.settings import Trust as Settings

OLD, NEW, LAST = PEM, PEM.replace("two", "new"), PEM.replace("two", "last")
PUBLIC = ""
NAMES = {OLD: "old", NEW: "new", LAST: "last"}


@pytest.fixture
def on(folder_host: FolderHost) -> FolderHost:
    """A node with docker, podman and a containerd that looks for files of ours."""
    trust_host.equip(folder_host, "2")
    (folder_host.root / "etc/containerd/config.toml").write_text(
        'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry]\n'
        f'  config_path = "{folder_host.root}/{CERTS}"\n'
    )
    for name in ("dockerd", "podman"):
        folder_host.program(name, "")
    return folder_host


def known(on: FolderHost) -> dict[str, list[str]]:
    """{folder below /etc: the CAs that it has for the registry}."""
    etc = on.root / "etc"
    return {
        str(file.relative_to(etc)).split("/")[0]: [NAMES[ca] for ca in certificates(file.read_text())]
        for file in sorted(etc.glob(f"*/certs.d/{DOMAIN}/ca.crt"))
    }


def everywhere(*cas: str) -> dict[str, list[str]]:
    return {engine: list(cas) for engine in ("containerd", "containers", "docker")}


def test_both_are_trusted_while_the_proxies_may_show_either(on: FolderHost) -> None:
    deploy(on, OLD)
    assert len(deploy(on, NEW, every_proxy=False)) == 3
    assert known(on) == everywhere("old", "new")
    assert len(deploy(on, NEW)) == 3
    assert known(on) == everywhere("new")
    before = tree(on)
    assert deploy(on, NEW) == []
    assert tree(on) == before


def test_one_run_writes_both_and_then_the_new_one_alone(on: FolderHost) -> None:
    deploy(on, OLD)
    run = deploy(on, NEW)
    assert [command.count("BEGIN CERTIFICATE") for command in run] == [2, 2, 2, 1, 1, 1]
    assert known(on) == everywhere("new")


def test_nothing_goes_before_every_proxy_has_a_public_certificate(on: FolderHost) -> None:
    deploy(on, OLD)
    before = tree(on)
    assert deploy(on, PUBLIC, every_proxy=False) == []
    assert tree(on) == before
    assert len(deploy(on, PUBLIC)) == 4
    assert known(on) == {}
    assert deploy(on, PUBLIC) == []


def test_the_way_back_from_a_public_certificate_needs_one_writing(on: FolderHost) -> None:
    assert len(deploy(on, NEW)) == 4
    assert known(on) == everywhere("new")


def test_a_third_one_comes_to_those_that_are_there(on: FolderHost) -> None:
    deploy(on, OLD)
    deploy(on, NEW, every_proxy=False)
    deploy(on, LAST, every_proxy=False)
    assert known(on) == everywhere("old", "new", "last")
    deploy(on, LAST)
    assert known(on) == everywhere("last")


def test_one_of_two_goes_after_the_proxies_had_their_turn(on: FolderHost) -> None:
    deploy(on, f"{OLD}\n{NEW}")
    assert known(on) == everywhere("old", "new")
    assert deploy(on, f"{NEW}\n{OLD}", every_proxy=False) != []
    assert deploy(on, NEW, every_proxy=False) == []
    deploy(on, NEW)
    assert known(on) == everywhere("new")


def test_the_folder_of_the_user_s_own_configuration_too(on: FolderHost) -> None:
    config = on.root / "etc/containerd/config.toml"
    config.write_text(config.read_text().replace(CERTS, "etc/own"))
    deploy(on, OLD)
    deploy(on, PUBLIC, every_proxy=False)
    assert (on.root / f"etc/own/{DOMAIN}/ca.crt").exists()
    deploy(on, PUBLIC)
    assert not (on.root / f"etc/own/{DOMAIN}").exists()


def test_the_mirror_of_docker_hub_knows_the_ca_as_long(on: FolderHost) -> None:
    mirror = on.root / CERTS / "docker.io/hosts.toml"
    deploy(on, OLD, cache="hub")
    deploy(on, PUBLIC, cache="hub", every_proxy=False)
    assert f'ca = "../{DOMAIN}/ca.crt"' in mirror.read_text()
    deploy(on, PUBLIC, cache="hub")
    assert "ca = " not in mirror.read_text()


def test_the_new_one_put_there_by_hand_is_left(on: FolderHost) -> None:
    deploy(on, OLD)
    file = on.root / f"etc/docker/certs.d/{DOMAIN}/ca.crt"
    file.write_text(f"# mine\n{NEW}\n")
    deploy(on, NEW, every_proxy=False)
    assert known(on) == {**everywhere("old", "new"), "docker": ["new"]}
    deploy(on, NEW)
    assert file.read_text().startswith("# mine")


def test_the_system_s_store_has_a_file_for_each(on: FolderHost) -> None:
    on.program("update-ca-certificates", UPDATE)
    folder = on.root / "usr/local/share/ca-certificates"
    folder.mkdir(parents=True)
    keys: dict[str, Any] = {"settings": Settings(system_store=True, engines=("docker",))}

    def stored() -> dict[str, list[str]]:
        texts = {
            file.name.removeprefix(f"breakwater-{DOMAIN}"): file.read_text() for file in folder.iterdir()
        }
        return {name: [NAMES[ca] for ca in certificates(text)] for name, text in texts.items()}

    deploy(on, OLD, **keys)
    assert stored() == {".crt": ["old"]}
    assert len(deploy(on, NEW, every_proxy=False, **keys)) == 2
    assert stored() == {".crt": ["old"], "_2.crt": ["new"]}
    assert deploy(on, NEW, every_proxy=False, **keys) == []
    (on.root / "log").unlink()
    deploy(on, NEW, **keys)
    assert stored() == {".crt": ["new"]}
    # when the new one has the first one's place, and when the second's is free
    assert trust_host.log(on) == ["update"] * 2
    assert deploy(on, NEW, **keys) == []
    assert deploy(on, PUBLIC, every_proxy=False, **keys) == []
    deploy(on, PUBLIC, **keys)
    assert stored() == {}
    assert deploy(on, PUBLIC, **keys) == []


def test_without_every_proxy_the_run_says_what_stays(on: FolderHost) -> None:
    deploy(on, OLD)
    survey = Survey()
    deploy(on, NEW, every_proxy=False, survey=survey)
    [said] = survey.warnings
    assert said.startswith(f"node1: goes on trusting a former CA of {DOMAIN}'s, since this run did not have")
    survey = Survey()
    deploy(on, NEW, survey=survey)
    assert survey.warnings == []


@pytest.mark.parametrize("every_proxy", [True, False])
def test_a_run_that_changes_nothing_asks_once(
    on: FolderHost, every_proxy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(on, OLD)
    asked, read = [], trust_host.read
    monkeypatch.setattr(trust_host, "read", lambda *args, **keys: asked.append(keys) or read(*args, **keys))
    assert deploy(on, OLD, every_proxy=every_proxy) == []
    assert len(asked) == 1


def test_a_renamed_domain_s_folder_is_no_former_ca(on: FolderHost) -> None:
    deploy(on, OLD, domain="old.example.org")
    deploy(on, NEW, every_proxy=False)
    assert known(on) == everywhere("new")
    assert not Path(on.root / "etc/docker/certs.d/old.example.org").exists()


def test_what_the_documentation_takes_away_is_all_of_it(on: FolderHost) -> None:
    theirs = on.root / f"etc/docker/certs.d/{DOMAIN}/client.cert"
    before = (on.root / "etc/hosts").read_text()
    keys: dict[str, Any] = {"cache": "hub", "settings": Settings(etc_hosts=True)}
    deploy(on, OLD, **keys)
    deploy(on, NEW, domain="other.example.org", owner="10.9.9.9")
    theirs.write_text("mine")
    text = (Path(__file__).parents[3] / "docs/trust.md").read_text()
    commands = text.partition("## Taking it away")[2].split("```")[1]
    done = on.run(StringCommand(commands.replace("update-ca-certificates --fresh", "true")))
    assert done.returncode == 0, done.stderr
    files = [file for file in tree(on) if "10.0.0.20" in Path(file).read_text()]
    assert files == []
    assert theirs.exists()
    assert (on.root / "etc/docker/certs.d/other.example.org/ca.crt").exists()
    assert (on.root / "etc/hosts").read_text().strip() == before
