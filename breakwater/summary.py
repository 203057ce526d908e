"""What a run did, said while it goes on and when it ends, however it ends."""

import json
import shlex
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import gevent
from pyinfra.api import Host, State
from pyinfra.api.state import BaseStateCallback, StateStage
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from breakwater.survey import Finding, Survey

# Seconds between two lines about an operation that is still going on.
_SAY = 15
# A group's last word about a part: the worst of its operations'.
_RANK = {"not reached": 0, "unchanged": 1, "done": 2, "failed": 3}
# Of a host that may be missing, and is.
_DOWN = "down"


@dataclass
class PartResult:
    """What became of one part on one host."""

    status: str = "not reached"
    seconds: float = 0.0
    reasons: list[str] = field(default_factory=list)

    def add(self, status: str, seconds: float, reason: str = "") -> None:
        """One more operation of this part has ended."""
        self.status = max(self.status, status, key=_RANK.__getitem__)
        self.seconds += seconds
        if reason:
            self.reasons.append(reason)


class Summary(BaseStateCallback):
    """Listens to pyinfra's run; its table is written at exit, so it appears after a failure too."""

    def __init__(self, state: State, survey: Survey) -> None:
        self.state = state
        self.survey = survey
        self.down: list[str] = []  # hosts that may be missing, and are
        self.warnings: list[str] = []
        self.began = time.monotonic()
        self.ended_because: list[str] = []
        self.next_step = ""
        self.report: Path | None = None
        self._started: float = 0.0
        self._ended: dict[str, float] = {}
        self._current = ""
        self._ticker: gevent.Greenlet | None = None
        self._results: dict[str, dict[str, PartResult]] = {}

    # pyinfra's callbacks: their first argument is the state, which is the one we have

    def operation_start(self, state: State, op_hash: str) -> None:  # type: ignore[override]
        """Begin to say, every 15 s, which hosts an operation still waits for."""
        self._started, self._ended, self._current = time.monotonic(), {}, op_hash
        self._ticker = gevent.spawn(self._tick, op_hash)

    def operation_host_success(  # type: ignore[override]
        self, state: State, host: Host, op_hash: str, retry_count: int = 0
    ) -> None:
        """Remember when this host was through."""
        self._ended[host.name] = time.monotonic()

    def operation_host_error(  # type: ignore[override]
        self, state: State, host: Host, op_hash: str, retry_count: int = 0, max_retries: int = 0
    ) -> None:
        """Remember when this host was through."""
        self._ended[host.name] = time.monotonic()

    def operation_end(self, state: State, op_hash: str) -> None:  # type: ignore[override]
        """Take each host's result of the operation into its part."""
        self._current = ""
        if self._ticker:
            self._ticker.kill()
        for host, operations in state.ops.items():
            meta = operations[op_hash].operation_meta if op_hash in operations else None
            if meta is None or not meta.is_complete():
                continue
            status = "failed" if meta.did_error() else "done" if meta.did_change() else "unchanged"
            reason = " ".join(meta.stderr.split()) if status == "failed" else ""
            seconds = self._ended.get(host.name, self._started) - self._started
            self._part(host.name, op_hash).add(status, seconds, reason)

    @property
    def changed(self) -> bool:
        """Whether anything was done so far."""
        return any(
            part.status in ("done", "failed") for parts in self._results.values() for part in parts.values()
        )

    def write(self) -> None:
        """Print the table and write the report; nothing when no operation was begun, as in a dry run."""
        # pyinfra ends a run whose last host failed without ending its operation.
        if self._current:
            self.operation_end(self.state, self._current)
        if not self._results and not self.ended_because:
            self._print_findings(_console())
            return
        self._fill()
        outcome = self._outcome()
        self._print(outcome)
        if self.report:
            self.report.write_text(json.dumps(self._as_data(outcome), indent=2) + "\n")

    def _fill(self) -> None:
        """Name the parts that were never begun, and the hosts that were never reached."""
        for host, operations in self.state.ops.items():
            for op_hash in operations:
                self._part(host.name, op_hash)
        for name in lost_hosts(self.state):
            if name not in self._results:
                status, reason = ("failed", "not connected; see the error above")
                if name in self.down:
                    status, reason = (_DOWN, "not connected, and in nodes_down")
                self._results[name] = {"Connection": PartResult(status, 0.0, [reason])}

    def _outcome(self) -> str:
        statuses = {part.status for parts in self._results.values() for part in parts.values()}
        ended_well = self.state.current_stage == StateStage.Disconnect and not self.ended_because
        if "failed" in statuses or not ended_well:
            return "failed"
        return "done" if "done" in statuses else "unchanged"

    def _print(self, outcome: str) -> None:
        console = _console()
        table = Table("Host", "Part", "Result", "Seconds", "Why", box=None, pad_edge=False)
        found = {finding.host for finding in self._findings()}
        for host, parts in self._results.items():
            for name, part in parts.items():
                why = "see below" if name == "Preflight" and host in found else " | ".join(part.reasons)
                style = {"failed": "red", "done": "green"}.get(part.status, "")
                row = (host, name, part.status, f"{part.seconds:.1f}", why)
                table.add_row(*map(escape, row), style=style)
        console.print()
        console.print(table)
        self._print_findings(console)
        for line in self._warnings():
            console.print(f"Warning: {line}", style="yellow", markup=False)
        for line in self.ended_because:
            console.print(line, style="red", markup=False)
        seconds = time.monotonic() - self.began
        console.print(f"\nbreakwater: {outcome}, {seconds:.0f} s", style="bold")
        console.print(f"Next: {self._next(outcome)}", markup=False)

    def _print_findings(self, console: Console) -> None:
        """Everything that keeps the run from beginning, of all hosts."""
        if not (findings := self._findings()):
            return
        wide = max(len(finding.host) for finding in findings)
        lines = [f"{'Host':{wide}}  What is wrong, and what to do"]
        for finding in findings:
            lines += [f"{finding.host:{wide}}  {finding.what}", f"{'':{wide}}    {finding.fix}"]
        console.print()
        # Lines are as long as they are: a command that was folded into a column cannot be copied.
        console.print("\n".join(lines), markup=False, soft_wrap=True)

    def _findings(self) -> list[Finding]:
        return list(dict.fromkeys(finding for found in self.survey.findings.values() for finding in found))

    def _warnings(self) -> list[str]:
        return list(dict.fromkeys([*self.warnings, *self.survey.warnings]))

    def _next(self, outcome: str) -> str:
        again = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
        if outcome == "failed":
            return f"mend what is said above, then run the same again: {again}"
        return self.next_step

    def _as_data(self, outcome: str) -> dict[str, Any]:
        return {
            "result": outcome,
            "seconds": round(time.monotonic() - self.began, 1),
            "ended_because": self.ended_because,
            "next": self._next(outcome),
            "preflight": [asdict(finding) for finding in self._findings()],
            "warnings": self._warnings(),
            "hosts": {
                host: {
                    name: {**asdict(part), "seconds": round(part.seconds, 1)} for name, part in parts.items()
                }
                for host, parts in self._results.items()
            },
        }

    def _part(self, host: str, op_hash: str) -> PartResult:
        name = next(iter(self.state.op_meta[op_hash].names)).partition(" | ")[0]
        return self._results.setdefault(host, {}).setdefault(name, PartResult())

    def _tick(self, op_hash: str) -> None:
        name = next(iter(self.state.op_meta[op_hash].names))
        while True:
            gevent.sleep(_SAY)
            hosts = [h.name for h, operations in self.state.ops.items() if op_hash in operations]
            at_work = [host for host in hosts if host not in self._ended]
            seconds = time.monotonic() - self._started
            if at_work:
                print(f"    {name}: {', '.join(at_work)}, {seconds:.0f} s so far", flush=True)


def _console() -> Console:
    return Console(stderr=False, highlight=False, soft_wrap=not sys.stdout.isatty())


def excuse(state: State, names: Iterable[str]) -> list[str]:
    """Of these hosts, those that were not reached: no failure of this run, so they are not left among them.

    pyinfra ends with 1 when one host failed, whatever became of the others.
    """
    absent = {host for host in state.failed_hosts if host.name in names} - state.activated_hosts
    state.failed_hosts -= absent
    return sorted(host.name for host in absent)


def lost_hosts(state: State) -> list[str]:
    """Hosts that this run should have, by --limit and --exclude, and that are not there (any more)."""
    return [h.name for h in state.inventory if state.is_host_in_limit(h) and h not in state.active_hosts]
