"""Counts the secrets that were taken out of a tape, and takes them out of an older one. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import cast

from attrs import evolve

from ..core.notes import add_notes, make_notes
from ..core.surrogates import RULES
from ..core.tape import Tape
from ..core.values import (
    Answer,
    Branch,
    Call,
    Draw,
    Effect,
    Exchange,
    Fault,
    Question,
    Reading,
    Reply,
    Request,
    Response,
    Step,
)
from .process import Ambient
from .redactor import Redactor
from .search.spans import PLACEHOLDER
from .surrogates.vault import Vault


def taken_out(value: Question | Answer) -> Iterator[str]:
    """The kinds of secrets whose placeholders stand in `value`, each as often as it does."""
    match value:
        case Request(method, url, headers):
            texts, body = [method, url, *(value for _, value in headers)], value.body
        case Response(_, headers):
            texts, body = [value.reason, *(value for _, value in headers)], value.body
        case Call(name, arguments):
            texts, body = [name, arguments], b""
        case Reading(text) | Fault(_, text) | Reply(_, text):
            texts, body = [text], b""
        case _:
            return
    for text in texts:
        if "[secret:" in text:
            yield from (found[1].decode() for found in PLACEHOLDER.finditer(text.encode("utf-8", "replace")))
    if b"[secret:" in body:
        yield from (found[1].decode("utf-8", "replace") for found in PLACEHOLDER.finditer(body))


def counts(tape: Tape) -> dict[str, int]:
    """How many different secrets of each name were taken out of `tape`, the most first.

    Secrets of one name whose placeholder stands in a question cannot be told apart: they count as one.
    """
    found = Counter(tape.redacted)
    found |= Counter(name for name, _ in {(row.name, row.value) for row in tape.surrogates.rows})
    shown = (name for step in tape.steps for value in (step.asked, step.answer) for name in taken_out(value))
    found |= Counter(dict.fromkeys(shown, 1))
    return dict(found.most_common())


def scrubbed(tape: Tape, redact: Redactor, run_id: str = "", *, chance: bytes = b"") -> Tape:
    """Return `tape` with what `redact` finds taken out of every question, answer and word about the run.

    It is another recording, with another digest; `run_id` names it, and its `redacted` says what is out.

    Args:
        tape: the recording.
        redact: what finds secrets.
        run_id: what the new recording is called; as `tape`, if it is left out.
        chance: 16 to 64 random bytes, such as `os.urandom(32)`, of which surrogates are drawn for secrets in
            answers. Without them an answer has `[secret:NAME]` there, and a replayed agent reads that.
    """
    vault = Vault(chance, tape.surrogates) if chance else None
    known = Ambient({}, evolve(redact, rules=RULES), vault=vault)
    for step in tape.steps:
        for value in (step.asked, step.answer):
            if isinstance(value, Request | Response):
                known.hear(value)
    redact = known()
    steps = [_step(step, redact) for step in tape.steps]
    meta = {redact.text(key): redact.text(value) for key, value in tape.meta.items()}
    clean = evolve(
        tape,
        steps=tuple(steps),
        pending=tuple(
            evolve(left, asked=cast("Request | Call", redact.question(left.asked))) for left in tape.pending
        ),
        run_id=run_id or tape.run_id,
        agent_name=redact.text(tape.agent_name),
        meta=meta,
        parent=lineage(tape.parent, redact),
        outcome=redact.outcome(tape.outcome),
        surrogates=tape.surrogates if vault is None else vault.surrogates,
        rules=RULES,
    )
    found = Counter(counts(clean)) | Counter(vault.counts() if vault is not None else {})
    return evolve(clean, meta=add_notes(clean.meta, make_notes(redacted=found)))


def lineage(parent: Branch | None, redact: Redactor) -> Branch | None:
    """Return `parent` with secrets out of its name, its description and where it was left."""
    if parent is None:
        return None
    left = parent.departure
    parted = left and evolve(
        left, path=redact.text(left.path), recorded=redact.text(left.recorded), asked=redact.text(left.asked)
    )
    return evolve(parent, name=redact.text(parent.name), desc=redact.text(parent.desc), departure=parted)


def _step(step: Step, redact: Redactor) -> Step:
    asked, answered = redact.question(step.asked), redact.keep(step.answer)
    match step:
        case Exchange():
            return evolve(step, request=cast("Request", asked), answer=cast("Response | Fault", answered))
        case Draw(source=source, reading=reading):
            return evolve(step, reading=redact.reading(source, reading))
        case Effect():
            return evolve(step, call=cast("Call", asked), reply=cast("Reply | Fault", answered))
