"""Projects, people, robots, caches and policies are in Harbor as the settings say."""

from pyinfra import host
from pyinfra.api import deploy

from breakwater.operations import registry as operations
from breakwater.run import Run


@deploy("Registry")
def registry(run: Run) -> None:
    """What differs is made so; what is there beyond the settings stays."""
    if "bastion" in host.groups and run.registry is not None:
        operations.as_set(
            name="Projects, people and robots as set",
            plan=run.registry.plan,
            make_so=run.registry.make_so,
            _sudo=False,
        )
