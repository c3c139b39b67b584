"""How much of a node's environment holds something.

LMDB's file only grows. Pages that were freed are used again, so its size is a high-water mark: it says how much there
once was, and what is there now has to be asked of each database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import lmdb


class Room:
    """Of one environment, the log's databases included."""

    def __init__(self, env: lmdb.Environment) -> None:
        """Which databases there are is settled before a front end begins."""
        self._env = env
        with env.begin() as txn, txn.cursor() as cursor:
            names = [bytes(name) for name in cursor.iternext(values=False)]
        self._databases = [env.open_db(name, create=False) for name in names]
        self._page_bytes = int(env.stat()["psize"])

    def used_bytes(self) -> int:
        """In pages that hold something; LMDB's own list of free ones is not in it."""
        pages = _pages(self._env.stat())
        with self._env.begin() as txn:
            pages += sum(_pages(txn.stat(database)) for database in self._databases)
        return pages * self._page_bytes

    def high_water_bytes(self) -> int:
        """The most that was ever in use, and so the size of the file; it falls only where a node begins anew."""
        return (int(self._env.info()["last_pgno"]) + 1) * self._page_bytes

    def size_bytes(self) -> int:
        """How large it may become."""
        return int(self._env.info()["map_size"])


def _pages(stat: dict[str, int]) -> int:
    return stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"]
