"""A store in memory that fails as it is told, for the parts that stand before the real one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event

from tollkeeper_collector.chunks import row_count
from tollkeeper_collector.store import Block, StoreUnavailable

Fault = Callable[[Block], None]


@dataclass(slots=True)
class MemoryStore:
    """Keeps blocks by token, as the real store does; ``faults`` are raised first, one per call."""

    blocks: dict[str, Block] = field(default_factory=dict)
    asked: list[Block] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    always: Fault | None = None
    is_down: bool = False
    closed: Event = field(default_factory=Event)

    def insert(self, block: Block) -> None:
        self.asked.append(block)
        if self.is_down:
            raise StoreUnavailable("away")
        if self.faults:
            self.faults.pop(0)(block)
        if self.always is not None:
            self.always(block)
        self.blocks[block.token] = block

    def close(self) -> None:
        self.closed.set()

    def rows(self, table: str) -> int:
        return sum(row_count(block) for block in self.blocks.values() if block.table == table)

    def column(self, table: str, name: str) -> list[object]:
        return [
            value
            for block in self.blocks.values()
            if block.table == table
            for value in block.data[block.columns.index(name)]
        ]
