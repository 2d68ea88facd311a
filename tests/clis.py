"""The command line in a process of its own for each command, forked from one that has imported it already.

    python clis.py  < requests

A request is a line of JSON: `words`, `cwd`, `env`, and `out`, the beginning of the names of two files
for what is printed. The answer is the exit code, on a line of its own.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from contextlib import redirect_stdout, suppress
from io import StringIO

import httpx

import tracefork.__main__
import tracefork.backends.sqlite


def main():
    httpx.Client().close()  # so that what commands and agents need is loaded
    with redirect_stdout(StringIO()), suppress(SystemExit):
        sys.argv = ["tracefork", "--version"]
        tracefork.__main__.main()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _become(**json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _become(words, cwd, env, out):
    """Run one command, as `python -m tracefork` does, and end this process with its exit code."""
    for number, name in ((0, os.devnull), (1, f"{out}.out"), (2, f"{out}.err")):
        file = os.open(name, os.O_RDWR | os.O_CREAT, 0o600)
        os.dup2(file, number)
        os.close(file)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["tracefork", *words]
    sys.path[0] = cwd
    code = 0
    try:
        tracefork.__main__.main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
