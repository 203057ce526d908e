"""Other registries on the stand-in: cached as Harbor's chart permits it, named when they do not answer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from standin import Standin, running

from breakwater.commands import Refusal
from breakwater.harbor.api import HarborError
from tests.bastion import Bastion


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    with running(tmp_path_factory.mktemp("endpoints")) as found:
        yield found


@pytest.fixture
def bastion(standin: Standin, tmp_path: Path) -> Bastion:
    return Bastion(standin.administrator, standin.host, tmp_path / "registry")


def place(standin: Standin, **keys: Any) -> dict[str, Any]:
    """A registry that answers: the stand-in's own."""
    return {"url": f"https://127.0.0.1:{standin.port}", "verify_tls": False, **keys}


def test_quay_is_cached(bastion: Bastion, standin: Standin) -> None:
    quay = place(standin, name="quay", type="quay")
    wanted = {"endpoints": [quay], "projects": [{"name": "quay", "proxy_cache": "quay"}]}
    assert bastion.make(wanted) == ["+ endpoint quay", "+ project quay"]
    assert bastion.make(wanted) == []
    with bastion.administrator() as harbor:
        [found] = harbor.call("GET", "/registries").json()
        assert found["type"] == "docker-registry"
        # Told by its own name, it is what the chart's core refuses.
        body = {"name": "by-hand", "type": "quay", "url": quay["url"], "insecure": True}
        number = int(harbor.call("POST", "/registries", body=body).headers["Location"].rpartition("/")[2])
        with pytest.raises(HarborError, match="unsupported registry type quay"):
            harbor.call("POST", "/projects", body={"project_name": "no", "registry_id": number})
    with pytest.raises(
        Refusal, match=r"endpoint by-hand: Harbor changes the type of none; .* write type 'quay'"
    ):
        bastion.make({"endpoints": [place(standin, name="by-hand", type="harbor")]})


def test_one_that_does_not_answer_is_named_with_what_hangs_on_it(bastion: Bastion, standin: Standin) -> None:
    away = {"name": "away", "type": "harbor", "url": "http://127.0.0.1:1"}
    wanted = {
        "endpoints": [away, place(standin, name="here", type="docker-registry")],
        "projects": [{"name": "far", "proxy_cache": "away"}, {"name": "near", "proxy_cache": "here"}],
    }
    with pytest.raises(Refusal) as refusal:
        bastion.make(wanted)
    first, *others = str(refusal.value).splitlines()
    assert first == (
        "endpoint away: http://127.0.0.1:1 does not answer Harbor, which takes no endpoint that does not:"
        " no way there from its pods, a certificate that they do not trust, or a wrong login; mend that, and"
        " run again"
    )
    assert others == ["project far: not tried, because endpoint away failed"]
    # Harbor asks anew at each change, whatever it is.
    gone = place(standin, name="here", type="docker-registry", url="http://127.0.0.1:1", description="x")
    with pytest.raises(Refusal, match=r"endpoint here: http://127\.0\.0\.1:1 does not answer Harbor"):
        bastion.make({"endpoints": [gone]})
