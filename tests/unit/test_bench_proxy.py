"""What bench.proxy measures with: each program takes its configuration, and Envoy is there."""

from pathlib import Path

import pytest

from bench.proxy.__main__ import DIRECT, certificates, table, write
from bench.proxy.configs import Leg, programs

FOUND, HINTS = programs()


@pytest.mark.parametrize("name", ["envoy", "nginx", "haproxy"])
def test_each_program_takes_its_configuration(name: str, tmp_path: Path) -> None:
    program = next((program for program in FOUND if program.name == name), None)
    if program is None:
        assert name != "envoy", "it comes with the requirements"
        pytest.skip(next(hint for hint in HINTS if hint.startswith(name)))
    certificates(tmp_path)
    write(program, Leg(listen=18443, backend=15000, folder=tmp_path))


def test_a_configuration_that_is_refused_ends_the_measurement(tmp_path: Path) -> None:
    program = next(program for program in FOUND if program.name == "envoy")
    certificates(tmp_path)
    chain, begin, _ = (tmp_path / "registry.pem").read_text().partition("-----BEGIN PRIVATE KEY-----")
    certificates(tmp_path)
    _, _, key = (tmp_path / "registry.pem").read_text().partition(begin)
    (tmp_path / "registry.pem").write_text(chain + begin + key)  # of two pairs
    with pytest.raises(SystemExit, match="envoy refuses its configuration"):
        write(program, Leg(listen=18443, backend=15000, folder=tmp_path))


def test_figures_are_medians_and_shares_of_direct() -> None:
    figures = {
        (0, "upload"): {
            DIRECT: [(1.0, 0.0), (2.0, 0.0), (9.0, 0.0)],
            "envoy": [(4.0, 0.5), (4.0, 0.25), (4.0, 0.75)],
        }
    }
    rows = table(figures, 512 << 20).splitlines()[2:]
    assert rows == ["| upload, direct | 256 | 1.00 |  |", "| upload, envoy | 128 | 0.50 | 1.00 |"]
