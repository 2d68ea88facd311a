"""`python server.py FILE`: answers question after question as the file says; prints its port.

It serves until its standard input is closed. Needs the standard library alone.
"""

from __future__ import annotations

import itertools
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

from wire import Wire, read

_OWN = {"transfer-encoding", "content-length", "connection"}
_answers = itertools.chain[Wire]([])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        one = next(_answers)
        self.send_response_only(one.status)
        for name, value in one.said:
            if name not in _OWN:
                self.send_header(name, value)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for chunk in one.chunks:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        self.wfile.write(b"0\r\n\r\n")


def main() -> None:
    global _answers  # noqa: PLW0603
    _answers = itertools.chain(read(Path(sys.argv[1])))
    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
