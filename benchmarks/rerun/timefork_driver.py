"""`python timefork_driver.py FOLDER UPSTREAM`: timefork on a tape in FOLDER, told what to do line by line.

It runs in timefork's environment. A line is "record" or "replay", which is answered by the proxy's url,
"end", by how many steps came from where, or "calibrate", by the paths that are ignored from then on. What
it does is what `timefork record`, `replay --no-reuse` and `calibrate --apply` do.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from timefork import Timefork
from timefork.calibrate import compare
from timefork.rehash import rehash


def main(folder: str, upstream: str) -> None:
    for vendor in ("ANTHROPIC", "OPENAI", "GOOGLE", "DEFAULT"):
        os.environ[f"TIMEFORK_UPSTREAM_{vendor}"] = upstream
    os.chdir(folder)
    recordings: list[Any] = []
    take: Any = None
    for line in sys.stdin:
        match line.strip():
            case "record":
                take = Timefork.open(Path(folder)).record()
                recordings.append(take.run)
                take.__enter__()
                said: Any = take.base_url
            case "replay":
                take = Timefork.open(Path(folder)).replay(recordings[-1], reuse_across_runs=False)
                take.__enter__()
                said = take.base_url
            case "end":
                said = Counter(step.source for step in take.steps())
                take.__exit__(None, None, None)
            case "calibrate":
                tape = Timefork.open(Path(folder)).tape
                found = [one.path for one in compare(tape, *recordings[-2:]).paths]
                tape.ignore(*found)
                rehash(tape)
                tape.close()
                said = found
            case unknown:
                raise ValueError(unknown)
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
