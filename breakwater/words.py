"""What others said, such as a kubelet, a registry or Harbor, fit to be shown."""

# Characters: a terminal's line or three.
_MOST = 300


def plain(text: str, most: int = _MOST) -> str:
    """One line of it without what a terminal would obey.

    + most: characters
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
