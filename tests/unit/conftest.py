"""What several of these tests begin with."""

from pathlib import Path

import pytest
from folder_host import FolderHost


@pytest.fixture
def folder_host(tmp_path: Path) -> FolderHost:
    """A Debian with systemd and exportfs, nothing running, nothing exported."""
    root = tmp_path / "host"
    root.mkdir()
    return FolderHost(root)
