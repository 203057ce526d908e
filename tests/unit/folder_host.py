"""A host that is a folder: commands made for a host are run by sh on files and programs of the test's."""

import os
import subprocess
from pathlib import Path
from typing import Any

from pyinfra.api import StringCommand

# What the host's programs are: systemctl knows one unit, exportfs has a table as the kernel has.
PROGRAMS = {
    "systemctl": """
case $1 in
is-active|is-enabled) [ -e "$HOST/unit" ] ;;
enable) touch "$HOST/unit" ;;
esac
""",
    "dpkg-query": """[ -e "$HOST/half-installed" ] && printf 'iU ' || printf 'ii '""",
    # -s prints what nfs-utils 2.8 prints: two spaces, and the kernel's own options beside the given.
    "exportfs": r"""
cd "$HOST"
case $1 in
-ra)
    echo exportfs >> log
    [ ! -e deaf ] || exit 0
    [ ! -e deadly ] || { rm deadly; kill -9 $PPID; exit 0; }
    [ ! -e broken ] || { echo 'exportfs: Failed to stat' >&2; exit 1; }
    cat etc/exports etc/exports.d/*.exports 2>/dev/null | awk '
        /^#/ || !NF { next }
        {
            for (i = 2; i <= NF; i++)
                print $1 "  " substr($i, 1, length($i) - 1) ",wdelay,hide,sec=sys)"
        }' > table
    ;;
-s) cat table 2>/dev/null ;;
esac
""",
}


class FolderHost:
    """Runs commands with /etc/ and /usr/local/share/ meaning the folder's, and only its programs first."""

    def __init__(self, root: Path) -> None:
        self.root, self.programs = root, root / "bin"
        self.inside: list[str] = []  # what runs its shell, such as `ip netns exec NAME`
        self.programs.mkdir()
        (root / "etc/exports.d").mkdir(parents=True)
        (root / "etc/os-release").write_text("ID=debian\nVERSION_ID=13\n")
        for name, script in PROGRAMS.items():
            self.program(name, script)

    def program(self, name: str, script: str) -> None:
        """Put a program on the host."""
        file = self.programs / name
        file.write_text(f"#!/bin/sh\n{script}")
        file.chmod(0o755)

    def run(self, command: StringCommand, path: str = "/usr/bin:/bin") -> "subprocess.CompletedProcess[str]":
        """Run it as pyinfra would, with `sh -c`."""
        text = command.get_raw_value().replace("/etc/", f"{self.root}/etc/")
        text = text.replace("/usr/local/share/", f"{self.root}/usr/local/share/")
        env = {**os.environ, "PATH": f"{self.programs}:{path}", "HOST": str(self.root), "LC_ALL": "C"}
        return subprocess.run(
            [*self.inside, "dash", "-c", text],
            env=env,
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )

    def fact(self, fact: Any, **kwargs: Any) -> Any:
        """What a fact makes of this host; an answer it cannot take is the test's own exception."""
        done = self.run(fact().command(**kwargs))
        return fact().process(done.stdout.splitlines()) if done.returncode == 0 else fact.default()
