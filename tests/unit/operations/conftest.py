"""What the tests of trust begin with."""

from pathlib import Path

import pytest
from folder_host import FolderHost
from trust_host import REAL, equip


@pytest.fixture(params=["2", "3", *REAL], ids=lambda param: f"containerd-{param}")
def containerd_host(folder_host: FolderHost, request: pytest.FixtureRequest) -> FolderHost:
    """A node with a containerd that speaks one version of configuration."""
    equip(folder_host, request.param)
    return folder_host


@pytest.fixture
def config(containerd_host: FolderHost) -> Path:
    """Its configuration."""
    return containerd_host.root / "etc/containerd/config.toml"
