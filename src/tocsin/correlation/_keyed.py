"""The windows of all keys of one correlation, in bounded memory.

Up to the budget every key has a window and everything is exact. Beyond it a new key is counted
in a summary. When the summary has seen more of a key than of the least busy key with a window,
the two change places: what had the window is counted in the summary from then on, so no key's
count is thrown away. An attacker who sends a million keys once each so never takes the place of
one who comes back.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from tocsin.correlation._offenders import Offenders
from tocsin.correlation._summary import Pool, Summary
from tocsin.correlation._windows import window_type

if TYPE_CHECKING:
    from tocsin.correlation._model import Correlation, Key
    from tocsin.correlation._windows import Part, Window

__all__ = ["Keyed"]


class Seen(NamedTuple):
    """What a correlation is after an event at which its condition holds."""

    measure: float
    held: bool
    """Whether the condition was true before."""
    error: int
    """So much the measure may be off by."""
    first: int
    """The time of the first event of the window; 0 if the condition was true before."""
    time: int
    """Of the event at which it is so."""
    previous: int = 0
    """When the condition held last before; 0 if that is not known."""


class Keyed:
    """One correlation's state."""

    def __init__(
        self, plan: Correlation, share: int, kept: int, pool: Pool, others: Pool, seed: bytes
    ) -> None:
        self.plan = plan
        self._make = window_type(plan)
        self.windows: dict[Key, Window] = {}
        self._share = share
        self._pool = pool
        self._summary = Summary(pool, seed, plan.timespan)
        self.offenders = Offenders(kept, others, seed)
        self._swept = 0
        """The time of the last sweep."""
        self._victims: list[tuple[int, Key]] = []
        """Windows with the fewest events at the end, as they were at the last look."""
        self._floor = 0
        """No window had fewer events at the last look."""
        self.unkeyed = 0
        """Events that lack a group-by field."""

    def add(self, key: Key, time: int, event: Part) -> Seen | None:
        """Take an event; None if the condition does not hold at it."""
        self.offenders.add(key, time, event.often)
        window = self.windows.get(key)
        if window is None:
            if len(self.windows) >= self._share and not self._room(time):
                return self._beyond(key, time, event)
            window = self.windows[key] = self._make()
            if self._summary.used:
                self._carry(window, self._summary.take(key, time), time)
        return self.within(window, time, event)

    def within(self, window: Window, time: int, event: Part) -> Seen | None:
        """Take an event into a key's window; it may be earlier than others in it."""
        plan = self.plan
        if time >= window.last:
            window.settle(time, plan.timespan)
            measure = window.add(time, event, plan)
        else:
            measure = window.insert(time, event, plan)
            time = window.last
        before = window.true
        window.true = holds = plan.test(measure) if plan.expression is None else bool(measure)
        if not holds:
            return None
        previous, window.held = window.held, time
        error = window.carried
        if error:
            error += self._summary.error
        first = 0 if before else window.first()
        return Seen(measure, before, error, first, time, previous)

    def copy(self, key: Key) -> Window:
        """A key's window as it is, or a new one."""
        window = self.windows.get(key)
        return self._make() if window is None else window.copy()

    def _beyond(self, key: Key, time: int, event: Part) -> Seen | None:
        """An event of a key for which there is no window."""
        count = event.often
        counted = self._summary.add(key, time, count)
        if counted > 1 and counted > self._floor and self._demote(counted, time):
            window = self.windows[key] = self._make()
            self._carry(window, self._summary.take(key, time) - count, time)
            return self.within(window, time, event)
        test = self.plan.test
        if self.plan.kind != "event_count" or not test(counted):
            return None
        error = self._summary.error + (counted - count)
        before = counted > count and test(counted - count)
        return Seen(counted, before, error, time, time)

    def _carry(self, window: Window, counted: int, time: int) -> None:
        """Begin a window with what the summary counted of the key."""
        window.last = time
        window.carried = counted
        window.until = time + self.plan.timespan

    def _demote(self, counted: int, time: int) -> bool:
        """Take the window of a key that was seen less often; whether there was one."""
        while True:
            if not self._victims and not self._look():
                return False
            weight, key = self._victims[-1]
            if weight >= counted:
                self._floor = weight
                return False
            self._victims.pop()
            window = self.windows.get(key)
            if window is not None and window.events + window.carried == weight:
                del self.windows[key]
                if window.last >= time - self.plan.timespan:
                    self._summary.add(key, time, weight)
                return True

    def _look(self) -> bool:
        """Rank the windows; whether there are any."""
        ranked = [(window.events + window.carried, key) for key, window in self.windows.items()]
        ranked.sort(key=itemgetter(0), reverse=True)
        self._victims = ranked
        self._floor = 0
        return bool(self._victims)

    def _room(self, time: int) -> bool:
        """Whether there is room for one window more than the share."""
        if self._pool.windows <= 0 and not self._sweep(time):
            return False
        if len(self.windows) >= self._share:
            self._pool.windows -= 1
        return True

    def _sweep(self, time: int) -> bool:
        """Drop windows that are empty by now; whether there is room."""
        if self._swept <= time < self._swept + self.plan.timespan // 8:
            return False
        self._swept = time
        oldest = time - self.plan.timespan
        before = max(0, len(self.windows) - self._share)
        empty = [key for key, window in self.windows.items() if window.last < oldest]
        for key in empty:
            del self.windows[key]
        if empty:
            # Whoever gets the room has fewer events than those that were ranked.
            self._victims = []
            self._floor = 0
        self._pool.windows += before - max(0, len(self.windows) - self._share)
        return self._pool.windows > 0 or len(self.windows) < self._share

    def state(self) -> list[Any]:
        return [
            [[key, window] for key, window in self.windows.items()],
            self._summary.state(), self.offenders.state(), self._swept,
            [[weight, key] for weight, key in self._victims], self._floor, self.unkeyed,
        ]  # fmt: skip

    def restore(self, state: list[Any], windows: dict[Key, Window]) -> None:
        self.windows = windows
        self._pool.windows -= max(0, len(windows) - self._share)
        self._summary.restore(state[1])
        self.offenders.restore(state[2])
        self._swept = state[3]
        self._victims = [
            (weight, tuple(key) if isinstance(key, list) else key) for weight, key in state[4]
        ]
        self._floor, self.unkeyed = state[5], state[6]
