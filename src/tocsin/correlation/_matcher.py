"""Which detections an event satisfies.

Rules ask few different questions, and logs repeat their values. So all questions about a field
are asked once for each value, the answers are kept as bits, and the verdict is kept by the bits
of all fields. All regexes of a field are looked for in one pass, so a value that is new costs
little where no rule can match.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from tocsin.labels import compile_regexes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tocsin.correlation._model import Atom, Detection, Event, Expression

__all__ = ["Matcher", "Shapes", "holds"]

_VALUES = 16_384
"""Values of a field whose answers are kept."""
_LONGEST = 512
"""Characters of a value whose answers are kept, all texts of a list together."""
_FEW = 16
"""Texts of a list whose answers are kept."""
_SHAPES = 1024
_NAMES = 2048
"""Characters of all names of a shape."""
_VERDICTS = 65_536
_MEMORY = 8 << 20
"""Bytes for all regexes of a field."""


_Ask: TypeAlias = "Callable[[Any], int]"
"""The answers about a value, as bits."""


class _Answers(dict[Any, int]):
    """The answers about the values of a field; what is not known is asked."""

    def __init__(self, ask: _Ask) -> None:
        super().__init__()
        self._ask = ask

    def __missing__(self, value: Any) -> int:
        if isinstance(value, str):
            answer, short = self._ask(value), len(value) <= _LONGEST
        else:
            answer, short = self._ask(_alike(value)), _is_short(value)
        if short:
            if len(self) >= _VALUES:
                self.clear()
            self[value] = answer
        return answer


_Known = TypeVar("_Known")


class Shapes(dict[tuple[str, ...], _Known]):
    """What is known of events with the same fields, by the names of those.

    Names may come from strangers: of many only the latest are kept, and long ones never.
    """

    def keep(self, shape: tuple[str, ...], known: _Known) -> None:
        if sum(map(len, shape)) + len(shape) > _NAMES:
            return
        if len(self) >= _SHAPES:
            self.clear()
        self[shape] = known


class Matcher:
    """Detections, ready to be held against events."""

    def __init__(self, detections: Sequence[Detection]) -> None:
        self._places: dict[tuple[tuple[str, ...], str], int] = {}
        atoms: dict[tuple[str, ...], list[tuple[int, Atom]]] = {}
        self._rules = [
            _moved(each.expression, [self._place(atom, atoms) for atom in each.atoms])
            for each in detections
        ]
        self._whole = [(bit, atom.judge) for bit, atom in atoms.pop((), [])]
        self._asked = {names: _Answers(_asking(each)) for names, each in atoms.items()}
        self._shapes = Shapes[tuple[int, list[tuple[str, _Answers]]]]()
        self._verdicts: dict[int, tuple[int, ...]] = {}

    def _place(self, atom: Atom, atoms: dict[tuple[str, ...], list[tuple[int, Atom]]]) -> int:
        key = atom.names, atom.what
        if key not in self._places:
            self._places[key] = len(self._places)
            atoms.setdefault(atom.names, []).append((1 << self._places[key], atom))
        return self._places[key]

    def satisfied(self, event: Event) -> tuple[int, ...]:
        """The places of the detections that the event satisfies."""
        fields = event.fields
        shape = tuple(fields)
        bits, present = self._shapes.get(shape) or self._shape(shape)
        for name, answers in present:
            bits |= answers[fields[name]]
        for bit, judge in self._whole:
            if judge(event):
                bits |= bit
        found = self._verdicts.get(bits)
        if found is None:
            if len(self._verdicts) >= _VERDICTS:
                self._verdicts.clear()
            found = tuple(n for n, rule in enumerate(self._rules) if holds(rule, bits))
            self._verdicts[bits] = found
        return found

    def _shape(self, shape: tuple[str, ...]) -> tuple[int, list[tuple[str, _Answers]]]:
        """For events with these fields: what the absence of others answers, and which to ask."""
        bits, present, there = 0, [], frozenset(shape)
        for names, answers in self._asked.items():
            name = next((each for each in names if each in there), None)
            if name is None:
                bits |= answers[None]
            else:
                present.append((name, answers))
        self._shapes.keep(shape, (bits, present))
        return bits, present


def holds(rule: Expression, bits: int) -> bool:
    """Whether an expression is true where the atoms of these bits are."""
    match rule[0]:
        case "atom":
            return bool(bits >> rule[1] & 1)
        case "and":
            return all(holds(each, bits) for each in rule[1:])
        case "or":
            return any(holds(each, bits) for each in rule[1:])
    return not holds(rule[1], bits)


def _asking(atoms: Sequence[tuple[int, Atom]]) -> _Ask:
    """Asks all questions about a field, those that are regexes in one pass."""
    judges = [(bit, atom.judge) for bit, atom in atoms if not atom.pattern]
    bits = [bit for bit, atom in atoms if atom.pattern]
    patterns = [atom.pattern for _, atom in atoms if atom.pattern]
    search = compile_regexes(patterns, _MEMORY) if bits else None

    def ask(value: Any) -> int:
        answer = 0
        for bit, judge in judges:
            if judge(value):
                answer |= bit
        if search is not None and value is not None:
            for text in value if isinstance(value, tuple) else (value,):
                for place in search(text if isinstance(text, str) else str(text)):
                    answer |= bits[place]
        return answer

    return ask


def _is_short(value: Any) -> bool:
    """Of what is no text."""
    if isinstance(value, tuple):
        return (
            len(value) <= _FEW
            and sum(len(each) for each in value if isinstance(each, str)) <= _LONGEST
        )
    return True


def _alike(value: Any) -> Any:
    """The same text for numbers that are equal, since they have one answer."""
    if isinstance(value, tuple):
        return tuple(_alike(each) for each in value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _moved(rule: Expression, places: Sequence[int]) -> Expression:
    """The expression with its atoms' places among those of all rules."""
    if rule[0] == "atom":
        return ("atom", places[rule[1]])
    return (rule[0], *(_moved(each, places) for each in rule[1:]))
