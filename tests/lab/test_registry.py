"""The blog post's story from settings, on the lab: people, a robot, a webhook, Docker Hub through a cache."""

from __future__ import annotations

import copy
import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import bundle, bundle_index, paths
from lab.components import ADDRESS
from tests.lab.clients import Docker, Said
from tests.lab.conftest import DOMAIN, Lab, Result, lab_settings, varied
from tests.lab.connected import REGISTRY, registry, serving
from tests.lab.test_storage_faults import wait_until

LISTENER = 8097
HEADER = "Bearer of-the-story"
WEBHOOK = {
    "name": "build",
    "address": f"http://{ADDRESS}:{LISTENER}/kaps",
    "events": ["PUSH_ARTIFACT"],
    "auth_header": "env:STORY_HEADER",
}
# What is Docker Hub here: a registry of the lab's own, for its hosts reach no other.
HUB = {"name": "docker-hub", "type": "docker-registry", "url": f"http://{REGISTRY}"}
IMAGE = "kaps/story:1"
# Seconds until a pod has pulled and run, or a listener was told.
SOON = 180


def settings() -> dict[str, Any]:
    """The lab's own, and who listens, who only reads, and where Docker Hub is."""
    found = copy.deepcopy(lab_settings()["registry"])
    found["users"].append({"name": "reader", "email": "reader@lab.test"})
    [kaps] = found["projects"]
    kaps["members"].append({"user": "reader", "role": "guest"})
    kaps["webhooks"] = [WEBHOOK]
    system = {"self_registration": False, "banner": "of the story"}
    return {**found, "endpoints": [HUB], "docker_hub_cache": "hub", "system": system}


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("heard") / "lines"


@pytest.fixture(scope="module")
def story(whole_once: Lab, heard: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A whole lab on which the story was deployed; the inventory of it is the lab's."""
    lab = whole_once.go_to("whole")
    bundled = (paths.state() / "bundle").resolve()
    archives = {record["name"]: bundled / record["file"] for record in bundle_index.load(bundled)["images"]}
    listener = [sys.executable, "-m", "tests.lab.listener", ADDRESS, str(LISTENER), str(heard)]
    folder = tmp_path_factory.mktemp("hub")
    with (
        serving(listener),
        registry(folder, [archives[bundle.busybox_image(bundled)]], below="library/"),
        pytest.MonkeyPatch.context() as environment,
    ):
        environment.setenv("STORY_HEADER", HEADER)
        lab.inventory = varied(tmp_path_factory.mktemp("story"), registry=settings())
        made = lab.deploy()
        assert made.report["hosts"]["@local"]["Registry"]["status"] == "done", made.output[-3000:]
        yield lab
    lab.spoil()


def password(folder: str, name: str) -> str:
    return (paths.state() / "bastion/registry" / folder / name).read_text().strip()


def test_openstack_pushes_and_pulls_and_the_listener_is_told(story: Lab, heard: Path) -> None:
    docker = Docker(story, DOMAIN)
    docker.login("openstack", password("users", "openstack"))
    assert seen(story, "openstack") == {"kaps", "hub", "library"}
    docker.make(IMAGE)
    docker.push(IMAGE)
    digest = docker.digest(IMAGE)
    docker.pull(IMAGE)
    docker.logout()
    wait_until("the listener was told", lambda: heard.exists() and digest in heard.read_text(), SOON)
    said = json.loads(heard.read_text().splitlines()[-1])
    assert (said["path"], said["auth"], said["body"]["type"]) == ("/kaps", HEADER, "PUSH_ARTIFACT")
    assert said["body"]["event_data"]["repository"]["repo_full_name"] == "kaps/story"


def test_a_guest_pulls_and_does_not_push_and_a_stranger_sees_nothing(story: Lab) -> None:
    docker = Docker(story, DOMAIN)
    docker.login("reader", password("users", "reader"))
    docker.pull(IMAGE)
    docker.make("kaps/other:1")
    refused = docker.push("kaps/other:1", check=False)
    assert refused.code != 0
    assert "denied" in refused.output or "unauthorized" in refused.output
    docker.logout()
    away: Said = docker.pull(IMAGE, check=False)
    assert away.code != 0
    assert "unauthorized" in away.output
    assert "kaps" not in seen(story, "")


def test_a_pod_pulls_with_the_robots_login(story: Lab) -> None:
    pod = of_image(f"{DOMAIN}/{IMAGE}", "node1")
    pod["spec"]["imagePullSecrets"] = [{"name": "breakwater-kaps.ci"}]
    # It holds random bytes and no program: that it was pulled is all there is to see.
    status = status_of(story, pod, lambda text: f'pulled image "{DOMAIN}/{IMAGE}"' in text.lower())
    assert "unauthorized" not in status


def test_docker_hub_comes_through_the_cache(story: Lab) -> None:
    for node in ("node1", "node2"):
        pod = of_image("docker.io/library/busybox:1", node)
        status_of(story, pod, lambda text: 'pulled image "docker.io/library/busybox:1"' in text.lower())
    # The nodes have its layers from the bundle, and ask for the tag alone; docker has nothing of it.
    logs = story.inside("kubectl", "-n", "harbor", "logs", "deploy/harbor-nginx", "--since=30m").output
    asked = re.findall(r'"HEAD /v2/hub/library/busybox/manifests/1\?ns=docker\.io HTTP/1\.1" 200', logs)
    assert len(asked) >= 2
    Docker(story, DOMAIN).pull("hub/library/busybox:1")


def test_each_change_by_hand_is_in_the_plan_and_put_back(story: Lab) -> None:
    project = ask(story, "GET", "/projects/kaps")
    path = f"/projects/{project['project_id']}"
    member = next(m for m in ask(story, "GET", f"{path}/members") if m["entity_name"] == "openstack")
    [hook] = ask(story, "GET", f"{path}/webhook/policies")
    [quota] = ask(story, "GET", f"/quotas?reference=project&reference_id={project['project_id']}")
    ask(story, "PUT", path, {"metadata": {"public": "true"}})
    ask(story, "PUT", f"{path}/members/{member['id']}", {"role_id": 1})
    ask(story, "DELETE", f"{path}/webhook/policies/{hook['id']}")
    ask(story, "PUT", f"/quotas/{quota['id']}", {"hard": {"storage": 1 << 30}})
    ask(story, "PUT", "/configurations", {"self_registration": True, "banner_message": ""})
    story.inside("kubectl", "delete", "secret", "breakwater-kaps.ci")

    repaired = story.deploy()

    planned = set(re.findall(r"^    ([+~-] .*)$", repaired.output, re.MULTILINE))
    assert planned == {
        "~ configuration: banner_message: nothing, and shall be of the story;"
        " self_registration: on, and shall be off",
        "~ project kaps: public: true, and shall be false",
        "~ quota of kaps: quota: 1GiB, and shall be none",
        "~ member openstack of kaps: role: projectAdmin, and shall be developer",
        "+ webhook build of kaps",
        "+ pull secret default/breakwater-kaps.ci",
    }


def test_a_second_run_writes_nothing_at_the_server(story: Lab) -> None:
    since = time.time()
    again = story.deploy()
    assert again.report["result"] == "unchanged", again.output[-3000:]
    assert writes(story, since) == []


def ask(lab: Lab, method: str, path: str, body: object = None, user: str = "admin") -> Any:
    """One call to Harbor's API through the proxy.

    + user: empty for nobody
    """
    folder = paths.state() / "bastion/harbor"
    secret = (folder / "admin_password").read_text().strip() if user == "admin" else ""
    who = ["-u", f"{user}:{secret or password('users', user)}"] if user else []
    sent = ["-H", "Content-Type: application/json", "-d", json.dumps(body)] if body is not None else []
    proxy = lab.on("proxy", "hostname -I").split()[0]
    answer = lab.inside(
        *("curl", "-sS", "--fail-with-body", "--max-time", "60", "--cacert", str(folder / "ca.crt")),
        *who, *sent,
        "--resolve", f"{DOMAIN}:443:{proxy}", "-X", method, f"https://{DOMAIN}/api/v2.0{path}",
    ).output  # fmt: skip
    return json.loads(answer) if answer.strip() else None


def seen(lab: Lab, user: str) -> set[str]:
    """Projects that somebody is shown."""
    return {project["name"] for project in ask(lab, "GET", "/projects?page_size=100", user=user)}


def writes(lab: Lab, since: float) -> list[str]:
    """Calls that may have changed something, by the access log of Harbor's own nginx."""
    ago = f"--since={time.time() - since + 1:.0f}s"
    log = lab.inside("kubectl", "-n", "harbor", "logs", "deploy/harbor-nginx", ago).output
    return re.findall(r'"(?:POST|PUT|PATCH|DELETE) /api/\S+', log)


def of_image(image: str, node: str) -> dict[str, Any]:
    """A pod that pulls it, whatever is there already."""
    name = f"story-{node}-{'hub' if 'docker.io' in image else 'robot'}"
    container = {"name": "one", "image": image, "imagePullPolicy": "Always", "command": ["true"]}
    spec = {"nodeName": node, "restartPolicy": "Never", "containers": [container]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def status_of(lab: Lab, pod: dict[str, Any], so: Callable[[str], bool]) -> str:
    """What its events say, once they say this; the pod is gone then."""
    name = pod["metadata"]["name"]
    file = paths.state() / "story-pod.json"
    file.write_text(json.dumps(pod))
    said: list[str] = []

    def looks() -> bool:
        events: Result = lab.inside(
            *("kubectl", "get", "events", "--field-selector", f"involvedObject.name={name}"),
            *("-o", "jsonpath={range .items[*]}{.message}{'\\n'}{end}"),
        )
        said.append(events.output)
        return so(events.output)

    lab.inside("kubectl", "apply", "-f", str(file))
    try:
        wait_until(f"{name}: {said[-1:]}", looks, SOON)
    finally:
        file.unlink()
        lab.inside("kubectl", "delete", "pod", name, "--grace-period=0", "--force")
    return said[-1]
