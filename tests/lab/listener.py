"""Listens for what Harbor says of events: `python -m tests.lab.listener ADDRESS PORT FILE`."""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


def main(address: str, port: int, file: Path) -> None:
    """Write path, Authorization and body of each POST as a line of JSON."""

    class Hears(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            said = {"path": self.path, "auth": self.headers.get("Authorization"), "body": json.loads(body)}
            with file.open("a") as lines:
                lines.write(json.dumps(said) + "\n")
            self.send_response(200)
            self.end_headers()

    HTTPServer((address, port), Hears).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
