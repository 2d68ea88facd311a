"""Prints the sha-256 of pages that are the same wherever they are made, but for the zlib that packs them."""

import hashlib
import sys

sys.path.insert(0, "tests")

from report import stories

from tracefork import report
from tracefork.report.model.gather import view_of
from tracefork.report.page import payload

told = {"blame": stories.BLAME, "branches": stories.branches(), "verified": stories.VERDICT}
static = report.html(stories.release(), mode="static", **told)
page = payload.blocks(view_of(stories.release(), **told), stories.release(), 2_000)
for text in (static, "\n".join(f"{block.name} {block.text}" for block in page)):
    print(hashlib.sha256(text.encode()).hexdigest())
