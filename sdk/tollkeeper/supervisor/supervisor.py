"""The watch: all children started together, each restarted when it dies, all stopped in order."""

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Final

from tollkeeper.masking import mask
from tollkeeper.supervisor.bell import Bell
from tollkeeper.supervisor.child import Child, ChildSpec, ending
from tollkeeper.supervisor.folder import DataFolder
from tollkeeper.supervisor.reservations import Reservations

STARTING_POLL_S: Final = 0.05  # readiness is a file; deaths and signals ring at once
STEADY_POLL_S: Final = 1.0
PATIENCE_S: Final = 15.0  # after so long a slow start is said


class Supervisor:
    """Runs the children of one data folder until it is asked to stop."""

    def __init__(
        self,
        specs: Sequence[ChildSpec],
        folder: DataFolder,
        ports: Reservations,
        *,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._children = [Child(spec, folder) for spec in specs]
        self._folder = folder
        self._ports = ports
        self._say = say
        self._clock = clock
        self._all_ready = False
        self._started_s = clock()
        self._patient = True

    def run(self, bell: Bell, when_ready: Callable[[Mapping[str, int]], None]) -> int:
        """Keep them running until the bell rings; return 0, or 1 when a start was hopeless."""
        status = 0
        try:
            for child in self._children:
                self._start(child)
            while not bell.rung:
                if not self._look_after():
                    status = 1
                    break
                if not self._all_ready and all(child.report for child in self._children):
                    when_ready(self.ports())
                    self._all_ready = True
                    self._publish()
                bell.wait(self._next_look_s())
        finally:
            self._folder.remove_run_file()
            self._stop(bell)
        return status

    def ports(self) -> dict[str, int]:
        """Return the ports by name: as reserved, or as a child has reported otherwise."""
        found = dict(self._ports.ports)
        for child in self._children:
            found.update(child.report.ports if child.report else {})
        return found

    def _look_after(self) -> bool:
        """See to every child once; False when one of them is hopeless."""
        now_s = self._clock()
        for child in self._children:
            if child.look_for_report():
                self._note_ready(child, now_s)
            status = child.poll()
            if status is not None and child.due_s is None:
                child.fate, child.report = child.fate.died(now_s), None
                if child.fate.is_hopeless:
                    self._mourn(child, status)
                    return False
                child.due_s = now_s + child.fate.delay_s
                self._tell_death(child, status)
            if child.due_s is not None and now_s >= child.due_s:
                self._start(child)
        self._tell_slowness(now_s)
        return True

    def _start(self, child: Child) -> None:
        if child.spec.unshared_port:
            self._ports.release(child.spec.unshared_port)
        child.start()
        if self._all_ready:
            self._publish()

    def _note_ready(self, child: Child, now_s: float) -> None:
        came_back = child.fate.deaths > 0
        child.fate = child.fate.ready(now_s)
        if came_back:
            self._say(f"{child.spec.name} is back (pid {child.pid})")
        if self._all_ready:
            self._publish()

    def _publish(self) -> None:
        pids = {child.spec.name: child.pid for child in self._children}
        first = next((pid for name, pid in pids.items() if name.startswith("proxy")), None)
        if first is not None:
            pids["proxy"] = first
        self._folder.write_run_file(self.ports(), {"supervisor": os.getpid(), **pids})

    def _next_look_s(self) -> float:
        if not all(child.report for child in self._children):
            return STARTING_POLL_S
        return STEADY_POLL_S

    def _stop(self, bell: Bell) -> None:
        """Ask them to end, those of one order together, and wait for each group.

        Another wish to stop while they end means: at once.
        """
        running = sorted(
            (child for child in self._children if child.runs),
            key=lambda child: child.spec.stop_order,
        )
        wishes = bell.rung
        for _, group in groupby(running, key=lambda child: child.spec.stop_order):
            stage = list(group)
            for child in stage:
                child.send(signal.SIGTERM)
            asked_s = self._clock()
            while left := [child for child in stage if child.runs]:
                for child in left:
                    if bell.rung > wishes or self._clock() - asked_s >= child.spec.stop_limit_s:
                        self._kill(child)
                bell.wait(STARTING_POLL_S)

    def _kill(self, child: Child) -> None:
        if not child.killed:
            child.killed = True
            child.send(signal.SIGKILL)
            self._say(f"{child.spec.name} did not end in time and was killed")

    def _tell_death(self, child: Child, status: int) -> None:
        what = f"{child.spec.name} died ({ending(status)})"
        self._say(f"{what}; starting it again in {child.fate.delay_s:g} s")

    def _tell_slowness(self, now_s: float) -> None:
        if self._all_ready or not self._patient or now_s - self._started_s < PATIENCE_S:
            return
        self._patient = False
        waiting = ", ".join(child.spec.name for child in self._children if not child.report)
        self._say(f"still waiting for {waiting}; see {self._folder.path / 'logs'}")

    def _mourn(self, child: Child, status: int) -> None:
        times = f"{child.fate.deaths} times before it was ready"
        self._say(f"{child.spec.name} died {times} ({ending(status)}); its log ends:")
        self._say(mask(child.tail()) or "(nothing)")
