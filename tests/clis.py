"""The command line in a process of its own for each command, forked from one that has imported it already.

    python clis.py  < requests

A request is a line of JSON: `words`, `cwd`, `env`, `out`, the beginning of the names of two files
for what is printed, `without`, a module that is not installed, and `program`, which may be pytest.
The answer is the exit code, on a line of its own. `commanding` is the other end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from contextlib import contextmanager, redirect_stdout, suppress
from io import StringIO

import httpx

import tracefork.__main__
import tracefork.backends.sqlite


@contextmanager
def commanding():
    """Run commands, `run(words, cwd, env)`, in processes that need not import everything first."""
    with subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as forking:

        def run(words, cwd, env, without="", program="tracefork"):
            asked = {"words": words, "cwd": str(cwd), "env": env, "out": f"{cwd}/.said", "without": without}
            asked["program"] = program
            forking.stdin.write(json.dumps(asked) + "\n")
            forking.stdin.flush()
            code, printed = int(forking.stdout.readline()), []
            for name in ("out", "err"):
                file = cwd / f".said.{name}"
                printed.append(file.read_text("utf-8"))
                file.unlink()
            return subprocess.CompletedProcess(words, code, *printed)

        yield run


def main():
    httpx.Client().close()  # so that what commands and agents need is loaded
    with redirect_stdout(StringIO()), suppress(SystemExit):
        sys.argv = ["tracefork", "--version"]
        tracefork.__main__.main()
    for line in sys.stdin:
        if json.loads(line)["program"] == "pytest":
            import pytest  # noqa: F401  once for all children
        child = os.fork()
        if child == 0:
            _become(**json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _become(words, cwd, env, out, without, program):
    """Run one command, as `python -m tracefork` does, and end this process with its exit code."""
    for number, name in ((0, os.devnull), (1, f"{out}.out"), (2, f"{out}.err")):
        file = os.open(name, os.O_RDWR | os.O_CREAT, 0o600)
        os.dup2(file, number)
        os.close(file)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = [program, *words]
    sys.path[0] = cwd
    if without:
        sys.modules[without] = None
    code = 0
    try:
        code = _run_pytest(words) if program == "pytest" else tracefork.__main__.main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    code = code or 0
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _run_pytest(words):
    import pytest

    del sys.path[0]  # as the command `pytest` does without the working folder
    return int(pytest.main(words))


if __name__ == "__main__":
    main()
