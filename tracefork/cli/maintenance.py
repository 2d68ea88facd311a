"""Commands that look after a store: check, salvage, gc, scrub, import, delete."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from pathlib import Path
from typing import Annotated

import attrs
import typer

from .. import redact
from ..core.tape import Tape
from ..errors import RunExists, StoreError
from ..storage.catalogue.catalogue import clear
from ..storage.catalogue.filters import Filters
from ..storage.store import TapeStore
from ..storage.tape_file import salvage as salvage_file
from ..storage.tape_file import save
from .app import RUNS, Json, Run, Store, err, escape, limits, out, plural, print_json, print_line
from .ls import find
from .progress import track
from .stores import open_store
from .tapes import is_cassette_file, load_tape, read_file

commands = typer.Typer()

CLEAN, DAMAGED, CANNOT_TELL = 0, 1, 2


@commands.command()
def check(
    sample: Annotated[str, typer.Option(help="How many of the runs to read, as 5% or 0.05.")] = "100%",
    store: Store = RUNS,
    json_: Json = False,
) -> None:
    """Read every run and say what is damaged. Exit code 0 clean, 1 damage, 2 cannot tell."""
    with open_store(store) as kept:
        chosen = kept.sample(_share(sample))
        findings = []
        for info in track(chosen, "check"):
            for finding in kept.examine(info):
                findings.append(finding)
                if not json_:
                    print_line(f"{finding.run_id or '?'}: {finding.problem}")
                    print_line(f"    at {finding.where or 'no place that can be told'}; {finding.advice}")
    certain = any(finding.certain for finding in findings)
    if json_:
        print_json({"runs": len(chosen), "findings": [attrs.asdict(finding) for finding in findings]})
    else:
        out.print(f"{plural(len(chosen), 'run')} read, {plural(len(findings), 'finding')}")
    raise typer.Exit(DAMAGED if certain else CANNOT_TELL if findings else CLEAN)


@commands.command()
def salvage(
    run: Run,
    into: Annotated[str | None, typer.Option(help="The run_id to keep it as, else RUN-salvaged.")] = None,
    file: Annotated[Path | None, typer.Option(help="Write it to this tape file instead.")] = None,
    store: Store = RUNS,
    json_: Json = False,
) -> None:
    """Keep what is whole of a damaged run, as a run or a file of its own; the damaged one stays."""
    lost = ""
    if Path(run).is_file():
        found = salvage_file(run, limits=limits())
        tape, lost = attrs.evolve(found.tape, run_id=into or f"{found.tape.run_id}-salvaged"), found.lost
    else:
        with open_store(store) as kept:
            run_id = kept.resolve(run)
            tape = attrs.evolve(kept.salvage(run_id), run_id=into or f"{run_id}-salvaged")
    if file is not None:
        write_tape(tape, file, force=False)
    else:
        with TapeStore.open(store, limits=limits()) as kept:
            kept.save(tape)
    if json_:
        print_json({"run_id": tape.run_id, "exchanges": len(tape), "pending": len(tape.pending)})
        return
    pending = f", {len(tape.pending)} questions without an answer" if tape.pending else ""
    out.print(f"{plural(len(tape), 'exchange')}{pending}, kept as {escape(file or tape.run_id)}")
    if lost:
        out.print(f"lost: {escape(lost)}")


@commands.command()
def gc(
    idle: Annotated[float, typer.Option(help="Hours without a step after which a run has died.")] = 24.0,
    catalogue: Annotated[
        bool, typer.Option("--catalogue", help="Only make anew what is kept for ls, search and serve.")
    ] = False,
    store: Store = RUNS,
    json_: Json = False,
) -> None:
    """Tidy up: seal runs that died, finish what was interrupted, give room back."""
    done = []
    with open_store(store) as kept:
        if catalogue:
            _rebuild(kept, json_=json_)
            return
        for reclaimed in track(kept.gc(idle=idle * 3600), "gc"):
            done.append(reclaimed)
            if not json_:
                print_line(f"{reclaimed.run_id or 'the store'}: {reclaimed.what}")
    if json_:
        print_json([attrs.asdict(reclaimed) for reclaimed in done])
    elif not done:
        out.print("nothing to do")


@commands.command()
def scrub(
    run: Run,
    secret: Annotated[
        list[str] | None, typer.Option(help="A variable whose value is one more secret; again for more.")
    ] = None,
    emails: Annotated[bool, typer.Option("--emails", help="Take out e-mail addresses too.")] = False,
    phones: Annotated[bool, typer.Option("--phones", help="Take out telephone numbers too.")] = False,
    cards: Annotated[bool, typer.Option("--cards", help="Take out numbers of payment cards too.")] = False,
    into: Annotated[str | None, typer.Option(help="The run_id to keep it as, else RUN-scrubbed.")] = None,
    file: Annotated[Path | None, typer.Option(help="Write it to this tape file instead.")] = None,
    store: Store = RUNS,
    json_: Json = False,
) -> None:
    """Keep a run without its secrets as another run; the one with them stays until it is deleted."""
    missing = [name for name in secret or () if not os.environ.get(name)]
    if missing:
        raise ValueError(f"there is no variable {missing[0]}: --secret names one that has the value")
    short = [name for name in secret or () if len(os.environ[name]) < redact.SHORTEST]
    if short:
        raise ValueError(
            f"the value of {short[0]} has fewer than {redact.SHORTEST} characters: it would stand everywhere"
        )
    finders = [redact.emails] * emails + [redact.phones] * phones + [redact.cards] * cards
    known = [(name, os.environ[name]) for name in secret or ()]
    tape = load_tape(run, store)
    clean = redact.scrubbed(
        tape,
        redact.redactor(os.environ, known=known, finders=finders),
        into or f"{tape.run_id}-scrubbed",
        chance=os.urandom(32),
    )
    found = Counter(redact.counts(clean))
    found.subtract(redact.counts(tape))
    if file is not None:
        write_tape(clean, file, force=False)
    else:
        with TapeStore.open(store, limits=limits()) as kept:
            kept.save(clean)
    if json_:
        print_json({"run_id": clean.run_id, "digest": clean.digest(), "taken_out": dict(+found)})
        return
    for kind, count in (+found).most_common():
        print_line(f"{count:,} {kind}")
    out.print(f"{plural((+found).total(), 'secret')} taken out, kept as {escape(file or clean.run_id)}")


@commands.command("import")
def import_(
    files: Annotated[
        list[Path],
        typer.Argument(help="Tape files, reports, or cassettes of other recorders: YAML, JSON, HAR."),
    ],
    run_id: Annotated[str | None, typer.Option(help="What to call the run, if there is one file.")] = None,
    store: Store = RUNS,
    json_: Json = False,
) -> None:
    """Put tape files, or other recorders' cassettes, into a store as runs. Nothing damaged is kept.

    A report has its tape too. Secrets are taken out of cassettes, as they are out of what is recorded.
    """
    if run_id is not None and len(files) != 1:
        raise ValueError("--run-id names one run; give one file with it")
    names, failed, found = [], Counter[str](), Counter[str]()
    with TapeStore.open(store, limits=limits()) as kept:
        for file in track(files, "import"):
            try:
                tape = read_file(file)
                if is_cassette_file(file):
                    names.append(_save_cassette(kept, tape, run_id))
                    found.update(redact.counts(tape))
                else:
                    names.append(kept.save(tape, run_id))
            except (StoreError, ValueError) as exc:  # the others are worth having
                failed[str(file)] += 1
                err.print(f"[bold red]error:[/] {escape(file)}: {escape(exc)}")
    if json_:
        print_json({"runs": names, "failed": sorted(failed), "taken_out": dict(found)})
    else:
        for name in names:
            print_line(name)
        if found:
            err.print(f"{plural(found.total(), 'secret')} taken out of cassettes")
    raise typer.Exit(1 if failed else 0)


@commands.command()
def delete(
    run: Run,
    rebase: Annotated[bool, typer.Option(help="Let its branches stand by themselves first.")] = False,
    store: Store = RUNS,
) -> None:
    """Remove a run. One that has branches stays, unless these are rebased."""
    with open_store(store) as kept:
        if run not in kept:
            raise StoreError(f"to delete a run, name it whole: {kept.resolve(run)}")
        kept.delete(run, rebase=rebase)
    out.print(f"deleted {escape(run)}")


def _rebuild(kept: TapeStore, *, json_: bool) -> None:
    """Throw away what is known of the runs, and read them again."""
    clear(kept.backend)
    kept.catalogue.clear()
    found = find(kept, Filters(probes=True, limit=0))
    where = kept.catalogue.path
    if json_:
        print_json({"runs": found.sums.runs, "file": where and str(where)})
    else:
        out.print(f"{plural(found.sums.runs, 'run')} read anew, into {escape(where or 'memory')}")


def _save_cassette(kept: TapeStore, tape: Tape, run_id: str | None) -> str:
    """Keep `tape` under its name, which is its file's; with a number behind it where a run is called so."""
    if run_id is not None:
        return kept.save(tape, run_id)
    for number in itertools.count(2):
        try:
            return kept.save(tape, run_id)
        except RunExists:
            run_id = f"{tape.run_id}-{number}"
    raise AssertionError("numbers do not end")


def write_tape(tape: object, file: Path, *, force: bool) -> None:
    if file.exists() and not force:
        raise StoreError(f"{file} is there already; choose another name, or pass --force")
    save(tape, file)  # type: ignore[arg-type]


def _share(text: str) -> float:
    """`5%` and `0.05` as the same number."""
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ValueError(f"--sample is a share such as 5% or 0.05, not {text!r}")
    return share
