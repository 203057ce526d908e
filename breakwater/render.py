"""Templates: text that ends up on a host, with values in it."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parents[1] / "templates"),
    undefined=StrictUndefined,
    keep_trailing_newline=True,
    autoescape=False,  # noqa: S701 - no HTML
)


def render(template: str, **values: object) -> str:
    """The text; a name that the template has and the values have not is an error.

    + template: its file in templates/
    """
    return _TEMPLATES.get_template(template).render(**values)
