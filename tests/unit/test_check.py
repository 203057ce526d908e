"""`python -m breakwater check`, as a person runs it: exit codes and exact words."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the sample: inventory.py, ssh_config and group_data/all.py."""
    for name in ("inventory.py", "ssh_config", "group_data/all.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def breakwater(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run it in that folder; its words come back as text."""
    return subprocess.run(
        [sys.executable, "-m", "breakwater", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def edit(path: Path, old: str, new: str) -> None:
    """Replace text that must be there, so that a changed sample does not make a test empty."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_the_sample_is_good(project: Path) -> None:
    done = breakwater("check", "inventory.py", cwd=project)
    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout == (
        "storage exports, reached by the nodes at 192.0.2.20:\n"
        "\n"
        "export             clients                  storage class\n"
        "----------------   ----------------------   -------------\n"
        "/srv/nfs/volumes   192.0.2.21, 192.0.2.22   nfs-client\n"
        "\n"
        "inventory.py: no mistakes found; nothing was connected to.\n"
        "Next: pyinfra inventory.py deploy.py\n"
    )


def with_harbor(project: Path, extra: str) -> None:
    """The sample, with Harbor and values of its chart's."""
    settings = project / "group_data" / "all.py"
    edit(settings, '# domain = "', 'domain = "')
    settings.write_text(settings.read_text() + f'harbor = {{"extra_values": {extra}}}\n')


def with_bundle(project: Path, values: str) -> None:
    """A bundle with a chart of Harbor's name."""
    chart = project / "chart"
    chart.mkdir()
    (chart / "Chart.yaml").write_text("{apiVersion: v2, name: harbor, version: 1.19.1}")
    (chart / "values.yaml").write_text(values)
    helm = Path(sys.executable).with_name("helm")
    subprocess.run([helm, "package", chart, "--destination", project], check=True, timeout=60)
    digest = hashlib.sha256((project / "harbor-1.19.1.tgz").read_bytes()).hexdigest()
    index = {"name": "harbor", "version": "1.19.1", "file": "harbor-1.19.1.tgz", "digest": f"sha256:{digest}"}
    (project / "bundle.json").write_text(json.dumps({"charts": [index], "images": []}))
    edit(project / "group_data" / "all.py", '# bundle = "/srv/bundle"', f'bundle = "{project}"')


def test_what_harbor_will_be_is_said_and_what_nobody_could_look_at(project: Path) -> None:
    with_harbor(project, '{"core": {"replica": 2}}')
    done = breakwater("check", "inventory.py", cwd=project)
    assert (done.stderr, done.returncode) == ("", 0)
    assert (
        "Harbor for https://registry.example.org, at the nodes' ports 30002 and 30003; volumes: registry"
        " 200Gi of nfs-client, jobservice 5Gi of nfs-client, database 10Gi of nfs-client, redis 5Gi of"
        " nfs-client, trivy 10Gi of nfs-client\n\nWhether the chart has the keys of harbor.extra_values, a"
        " run says before it changes anything.\n"
    ) in done.stdout


def test_how_much_is_in_it_is_said(project: Path) -> None:
    settings = project / "group_data" / "all.py"
    edit(settings, '# domain = "', 'domain = "')
    robots = '[{"name": "ci"}, {"name": "cd"}]'
    registry = f'{{"projects": [{{"name": "kaps", "robots": {robots}}}], "docker_hub_cache": "hub"}}'
    settings.write_text(f"{settings.read_text()}registry = {registry}\n")
    done = breakwater("check", "inventory.py", cwd=project)
    assert "\nin it 1 project, 2 robots, Docker Hub's cache hub\n" in done.stdout, done.stderr


def test_keys_that_the_bundles_chart_does_not_have_are_mistakes(project: Path) -> None:
    with_harbor(project, '{"core": {"replica": 2, "podAnnotations": {"a": "b"}}}')
    with_bundle(project, "{core: {replicas: 1, podAnnotations: {}}}")
    done = breakwater("check", "inventory.py", cwd=project)
    assert done.returncode == 2
    assert done.stderr == (
        "harbor.extra_values.core.replica: the chart has no such key; did you mean 'replicas'?\n"
    )


def test_a_bundle_without_the_chart_is_a_mistake(project: Path) -> None:
    with_harbor(project, '{"core": {"podAnnotations": {}}}')
    (project / "bundle.json").write_text("{}")
    edit(project / "group_data" / "all.py", '# bundle = "/srv/bundle"', f'bundle = "{project}"')
    done = breakwater("check", "inventory.py", cwd=project)
    assert (done.returncode, "has no chart harbor 1.19.1" in done.stderr) == (2, True)


def test_every_mistake_is_said_and_the_exit_code_is_2(project: Path) -> None:
    settings = project / "group_data" / "all.py"
    edit(settings, '"path": "/srv/nfs/volumes"', '"path": "srv"')
    edit(settings, "_sudo = True", "_sudoo = True\nexprots = []")
    edit(project / "inventory.py", "192.0.2.21", "node1.invalid")
    done = breakwater("check", "inventory.py", cwd=project)
    assert (done.stdout, done.returncode) == ("", 2)
    assert done.stderr == (
        "_sudoo: unknown key; did you mean '_sudo'?\n"
        "exprots: unknown key; did you mean 'exports'?\n"
        "exports[0].path: 'srv' must be absolute, without spaces or a closing slash\n"
        "group nodes: 'node1' has no address that this machine can find; give the host ssh_hostname in the"
        " inventory, or write clients as addresses\n"
        "\n"
        "inventory.py: 4 mistakes. docs/settings.md explains every key.\n"
    )


def test_a_name_without_an_address_is_one_mistake(project: Path) -> None:
    # .invalid is reserved: no resolver anywhere knows it.
    edit(project / "inventory.py", "192.0.2.21", "node1.invalid")
    done = breakwater("check", "inventory.py", cwd=project)
    assert done.returncode == 2
    assert done.stderr == (
        "group nodes: 'node1' has no address that this machine can find; give the host ssh_hostname in the"
        " inventory, or write clients as addresses\n"
        "\n"
        "inventory.py: 1 mistake. docs/settings.md explains every key.\n"
    )


def test_an_inventory_that_is_not_there(project: Path) -> None:
    done = breakwater("check", "invntory.py", cwd=project)
    assert (done.stdout, done.returncode) == ("", 2)
    assert done.stderr == (
        "invntory.py: there is no such file; give the inventory's path, such as inventory.py\n"
    )


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("group_data/all.py", "exports = [\n", "group_data/all.py line 1: '[' was never closed"),
        (
            "group_data/all.py",
            "\nexports = [srv]\n",
            "group_data/all.py line 2: NameError: name 'srv' is not defined",
        ),
        ("inventory.py", "nodes = [\n", "inventory.py line 1: '[' was never closed"),
        ("inventory.py", "import nothing.of_this\n", "inventory.py line 1: ModuleNotFoundError: No module"),
        ("inventory.py", "nodes = ()\n", "inventory.py: IndexError: tuple index out of range"),
        ("inventory.py", 'nodes = ["@nowhere"]\n', "inventory.py: NoConnectorError: Invalid connector"),
        ("inventory.py", "nodes = ['\x00']\n", "inventory.py"),
    ],
)
def test_a_file_that_cannot_be_run_is_one_plain_line(project: Path, name: str, text: str, line: str) -> None:
    (project / name).write_text(text)
    done = breakwater("check", "inventory.py", cwd=project)
    assert (done.stdout, done.returncode) == ("", 2)
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(line)


def test_an_inventory_elsewhere_and_with_groups_of_its_own(project: Path) -> None:
    elsewhere = project / "sites" / "north.py"
    elsewhere.parent.mkdir()
    shutil.move(project / "inventory.py", elsewhere)
    elsewhere.write_text(elsewhere.read_text() + '\nclients = [("dev", {"ssh_hostname": "192.0.2.40"})]\n')
    edit(project / "group_data" / "all.py", '# "clients": ["nodes"]', '"clients": ["nodes", "clients"]')
    done = breakwater("check", "sites/north.py", cwd=project)
    assert (done.stderr, done.returncode) == ("", 0)
    assert "/srv/nfs/volumes   192.0.2.21, 192.0.2.22, 192.0.2.40   nfs-client\n" in done.stdout
    assert done.stdout.endswith("Next: pyinfra sites/north.py deploy.py\n")


def test_many_clients_are_counted(project: Path) -> None:
    hosts = ", ".join(f'("n{i}", {{"ssh_hostname": "10.0.0.{i}"}})' for i in range(1, 101))
    with (project / "inventory.py").open("a") as file:
        file.write(f"\nnodes = [{hosts}]\n")
    done = breakwater("check", "inventory.py", cwd=project)
    assert "10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4 and 96 more" in done.stdout


def test_settings_prints_the_reference(tmp_path: Path) -> None:
    done = breakwater("settings", cwd=tmp_path)
    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout == (ROOT / "docs" / "settings.md").read_text()


@pytest.mark.parametrize("arguments", [("--help",), ("check", "--help"), ("settings", "--help")])
def test_help(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = breakwater(*arguments, cwd=tmp_path)
    assert (done.stderr, done.returncode) == ("", 0)
    assert "usage: python -m breakwater" in done.stdout


def test_wrong_use_is_an_error(tmp_path: Path) -> None:
    assert breakwater(cwd=tmp_path).returncode == 2
    assert breakwater("chekc", cwd=tmp_path).returncode == 2
