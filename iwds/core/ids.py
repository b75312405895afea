"""Many ids in little memory."""


class IdSet:
    """Ids of one service. They lie close together, and so take a few bits each instead of 60 bytes."""

    def __init__(self) -> None:
        self._blocks: dict[int, int] = {}

    def add(self, number: int) -> bool:
        """Remember an id; False where it was there already."""
        block, bit = number >> 6, 1 << (number & 63)
        before = self._blocks.get(block, 0)
        self._blocks[block] = before | bit
        return not before & bit

    def __contains__(self, number: int) -> bool:
        return bool(self._blocks.get(number >> 6, 0) & 1 << (number & 63))
