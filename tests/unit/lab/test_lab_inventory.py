"""The lab's own inventory stands alone, though pyinfra merges the sample's group data into it."""

import ast

from breakwater.problems import keys_of
from breakwater.settings import Settings
from lab.paths import REPOSITORY


def names(file: str) -> set[str]:
    """What a group data file sets."""
    tree = ast.parse((REPOSITORY / file).read_text())
    targets = [t for node in tree.body if isinstance(node, ast.Assign) for t in node.targets]
    targets += [node.target for node in tree.body if isinstance(node, ast.AnnAssign)]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def test_nothing_of_the_sample_shines_through() -> None:
    own = names("lab/group_data/all.py")
    assert set(keys_of(Settings)) - own == set()
    assert names("group_data/all.py") - own == set()
