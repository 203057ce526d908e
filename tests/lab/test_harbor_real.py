"""States that only the real Harbor's database gets into: shown when the lab's bundle has it."""

from __future__ import annotations

import pytest

from tests.lab.conftest import Lab

pytestmark = pytest.mark.real_harbor

MINE = ("--namespace", "harbor")
DATABASE = ("exec", "harbor-database-0", "-c", "database", "--")
# PostgreSQL is process 1 of its container, so what outlives a probe is its child, and a crash of its own.
CRASHES = "for i in $(seq 4 4 180); do (sleep $i; exit 141) >/dev/null 2>&1 </dev/null & done"


def test_a_database_that_is_ready_and_empty_is_named_and_its_data_not_thrown_away(harbored: Lab) -> None:
    try:
        harbored.inside("kubectl", *MINE, "scale", "deployment/harbor-core", "--replicas=0")
        gone = ("kubectl", *MINE, "wait", "--for=delete", "pod", "-l", "component=core", "--timeout=120s")
        harbored.inside(*gone, timeout=150)
        dropped = "DROP DATABASE registry WITH (FORCE)"
        harbored.inside("kubectl", *MINE, *DATABASE, "psql", "-U", "postgres", "-c", dropped)
        harbored.inside("kubectl", *MINE, "scale", "deployment/harbor-core", "--replicas=1")

        refused = harbored.deploy(check=False)

        assert refused.code != 0
        said = " ".join(refused.output.split())
        assert 'harbor-database-0 is Ready and has no database "registry"' in said
        assert "this Harbor was up before: restore its database from a dump" in said
        assert "delete pvc" not in said
    finally:
        harbored.spoil()


def test_a_database_that_crashes_after_a_stall_is_named_and_waited_for(harbored: Lab) -> None:
    try:
        harbored.inside("kubectl", *MINE, *DATABASE, "bash", "-c", CRASHES)
        unready = ("kubectl", *MINE, "wait", "--for=condition=Ready=false", "pod/harbor-database-0")
        harbored.inside(*unready, "--timeout=150s", timeout=180)

        waited = harbored.deploy()

        assert "harbor-database-0: PostgreSQL recovers after a process of its exited with" in waited.output
        harbored.host_tests("-k", "test_harbor")
    finally:
        harbored.spoil()
