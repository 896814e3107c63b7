"""`tocsin evidence disposition`."""

from __future__ import annotations

import time
from pathlib import Path

import click

from tocsin.bundle import locked, survey
from tocsin.cli._evidence_seal import config_option, evidence_folder
from tocsin.cli._periods import day_name, load_known
from tocsin.cli._secrets import make_redactor
from tocsin.errors import EvidenceError
from tocsin.printable import printable
from tocsin.report import DISPOSITIONS, OUTCOMES, disposition_file
from tocsin.seal import day_after

__all__ = ["disposition"]

_SHOWN = 12


@click.command()
@click.argument("day")
@click.argument("control")
@click.option("--outcome", type=click.Choice(list(OUTCOMES)), required=True,
              help="What it was.")  # fmt: skip
@click.option("--by", required=True, metavar="NAME", help="Who looked at it.")
@click.option("--text", required=True, help="What was found and done, in a sentence or two.")
@click.option("--ticket", default="", help="Where more is written.")
@click.option("--approved-by", "approved", default="", metavar="NAME", help="Who agreed to it.")
@click.option("--until", metavar="DAY", help="The last day for which it is accepted, YYYY-MM-DD.")
@click.option("--folder", type=Path, help="Where the days are.  [default: evidence]")
@config_option
def disposition(
    day: str, control: str, outcome: str, by: str, text: str, ticket: str, approved: str,
    until: str | None, folder: Path | None, config: Path,
) -> None:  # fmt: skip
    """Write down what became of a DAY on which CONTROL did not operate as it should.

    It goes into the next day that is sealed, so that it can't be changed afterwards; a second one
    stands beside the first. A day that is `operated`, or not on record yet, is refused.
    """
    name, end = day_name(day), day_name(until) if until else ""
    now = time.time_ns() // 1000
    root = evidence_folder(folder, config)
    redactor = make_redactor(config)
    _refuse_others(root, name, control)
    with locked(root):
        days = survey(root).days
        place = root / (day_after(days[-1]) if days else name) / DISPOSITIONS
        place.mkdir(parents=True, exist_ok=True)
        taken = [each.name for each in place.iterdir()]
        file, data = disposition_file(
            name, control, outcome, by, text, ticket, now, taken, approved, end
        )
        with (place / file).open("xb") as stream:
            stream.write(redactor.clean(data))
    click.echo(f"wrote  {place / file}")
    if outcome == "accepted" and not (approved and until):
        click.echo(
            "\nhint: the report will say that nobody is named who agreed, or that it has no last"
            " day: write it down once more with --approved-by and --until",
            err=True,
        )


def _refuse_others(root: Path, day: str, control: str) -> None:
    """Raises EvidenceError where nothing on record of the control-day asks for words."""
    sealed = survey(root).days

    def asks(of: str, state: str) -> bool:
        # Of a day that is not sealed, what is missing may still come.
        return state == "exception" or (state != "operated" and of in sealed)

    # What came late about the day lies in a later one.
    known = load_known(root, day)
    cell = known.cells.get((control, day)) if known else None
    if cell is not None and asks(day, cell.state):
        return
    known = load_known(root)
    cells = known.cells if known else {}
    cell = cells.get((control, day))
    state = cell.state if cell and (day in sealed or cell.state == "operated") else "not on record"
    raise EvidenceError(
        f"{printable(control, 60)} on {day} is {state}: there is nothing to explain",
        hint=_open_days(
            [of for (name, of), each in cells.items()
             if name == control and asks(of, each.state)],
            control,
            sorted({name for name, _ in cells}),
        ),
    )  # fmt: skip


def _open_days(days: list[str], control: str, known: list[str]) -> str:
    """The latest ones, which are likely meant."""
    if control not in known:
        return f"controls on record: {', '.join(known) or 'none; `tocsin evidence collect`'}"
    if not days:
        return "this control has operated on all days; what is of today counts once it is collected"
    more = f", and {len(days) - _SHOWN} earlier" if len(days) > _SHOWN else ""
    return f"days of this control to explain: {', '.join(sorted(days)[-_SHOWN:])}{more}"
