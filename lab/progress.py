"""What `up` shows while it works: each step, since when, what it waits for; then what took how long."""

import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

Say = Callable[[str], None]
# Without a terminal a step that says nothing new still shows that it lives: seconds.
REMIND = 30


@dataclass
class Step:
    """One thing being done."""

    name: str
    began: float = field(default_factory=time.monotonic)
    took: float | None = None
    message: str = ""
    failed: bool = False

    def seconds(self) -> float:
        """Since it began, or what it took."""
        return time.monotonic() - self.began if self.took is None else self.took


class Progress:
    """Steps, run one after another or at the same time, and shown live. Use it in a `with`."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=False, highlight=False)
        self.steps: list[Step] = []
        self.began = time.monotonic()
        self._live = Live(
            get_renderable=self._picture, console=self.console, transient=True, refresh_per_second=4
        )
        self._ended = threading.Event()
        self._print = threading.Lock()

    def __enter__(self) -> "Progress":
        if self.console.is_terminal:
            self._live.start()
        else:
            threading.Thread(target=self._remind, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self.console.is_terminal:
            self._live.stop()

    def step(self, name: str, work: Callable[[Say], Any]) -> Any:
        """Do one thing; `work` is given the function by which it says what it waits for now."""
        step = Step(name)
        self.steps.append(step)
        self._line(step, "begins")
        try:
            return work(lambda message: self._say(step, message))
        except BaseException:
            step.failed = True
            raise
        finally:
            step.took = time.monotonic() - step.began
            self._line(step, f"{'FAILED after' if step.failed else 'done in'} {step.took:.0f} s")

    def together(self, works: dict[str, Callable[[Say], Any]]) -> dict[str, Any]:
        """Do several things at the same time; returns what each returned, by name.

        When one fails the others are let end first: a build that is whole is in the cache for the next time.
        """
        with ThreadPoolExecutor(max_workers=len(works)) as pool:
            futures: dict[Future[Any], str] = {
                pool.submit(self.step, name, work): name for name, work in works.items()
            }
            for future in as_completed(futures):
                if future.exception() and len(futures) > 1:
                    self.console.print(f"{futures[future]} failed; the steps beside it are let end")
        return {name: future.result() for future, name in futures.items()}

    def table(self) -> Table:
        """What each step took."""
        table = Table("step", "took", title="Steps", title_justify="left", box=None, pad_edge=False)
        for step in self.steps:
            if step.seconds() >= 0.5 or step.failed:
                table.add_row(step.name + (" (failed)" if step.failed else ""), f"{step.seconds():.0f} s")
        table.add_row("in all", f"{time.monotonic() - self.began:.0f} s")
        return table

    def _say(self, step: Step, message: str) -> None:
        changed = _shape(step.message) != _shape(message)
        step.message = message
        if changed:
            self._line(step, message)

    def _line(self, step: Step, text: str) -> None:
        """For a log: every line stands for itself."""
        if not self.console.is_terminal:
            with self._print:
                self.console.print(
                    f"{time.strftime('%H:%M:%S')} {step.name}: {text}", soft_wrap=True, markup=False
                )
                sys.stdout.flush()

    def _remind(self) -> None:
        while not self._ended.wait(REMIND):
            for step in [s for s in self.steps if s.took is None and s.seconds() > REMIND]:
                self._line(step, f"{step.seconds():.0f} s; {step.message or 'works'}")

    def _picture(self) -> Group:
        lines: list[Any] = []
        for step in self.steps:
            label = f"{step.name}  {step.seconds():.0f} s"
            if step.took is None:
                lines.append(
                    Spinner("dots", Text(f"{label}  {step.message}", overflow="ellipsis", no_wrap=True))
                )
            else:
                lines.append(
                    Text(f"{'✗' if step.failed else '✓'} {label}", style="red" if step.failed else "dim")
                )
        return Group(*lines)


def _shape(message: str) -> str:
    """A message without its numbers: one that only counts seconds is not news in a log."""
    return "".join(c for c in message if not c.isdigit())
