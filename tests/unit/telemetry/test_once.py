"""Work that is shared by those who ask at the same time."""

from __future__ import annotations

import asyncio

import pytest

from telemetry.once import Once


class Work:
    """Counts how often it was begun, and ends when it is told to."""

    def __init__(self) -> None:
        self.begun = 0
        self.at_once = 0
        self.most_at_once = 0
        self.may_end = asyncio.Event()
        self.fails = False

    async def __call__(self) -> int:
        self.begun += 1
        number = self.begun
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await self.may_end.wait()
        self.at_once -= 1
        if self.fails:
            raise OSError("on demand")
        return number


def test_all_who_ask_meanwhile_get_the_same_answer() -> None:
    async def main() -> None:
        work = Work()
        once = Once(work)
        asking = [asyncio.create_task(once.get()) for _ in range(20)]
        await asyncio.sleep(0.01)
        assert work.begun == 1
        work.may_end.set()
        assert await asyncio.gather(*asking) == [1] * 20
        assert await once.get() == 2, "and whoever comes later a new one"
        assert work.most_at_once == 1

    asyncio.run(main())


def test_a_fresh_answer_is_given_again_and_an_old_one_is_not() -> None:
    async def main() -> None:
        now_s = [100.0]
        work = Work()
        work.may_end.set()
        once = Once(work, 1.0, lambda: now_s[0])
        found = []
        for later_s in (0.0, 0.9, 0.2, 0.5):
            now_s[0] += later_s
            found.append(await once.get())
        assert found == [1, 1, 2, 2]

    asyncio.run(main())


def test_who_gives_up_waiting_ends_nothing_for_the_others() -> None:
    """Were the work begun anew each time, askers without patience would pile it up behind something that hangs."""

    async def main() -> None:
        work = Work()
        once = Once(work)
        for _ in range(5):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(once.get(), 0.01)
        assert (work.begun, work.at_once) == (1, 1)
        await once.settle(0.01)
        work.may_end.set()
        assert await once.get() == 1

    asyncio.run(main())


def test_a_failure_is_told_to_all_and_not_kept() -> None:
    async def main() -> None:
        work = Work()
        work.fails = True
        work.may_end.set()
        once = Once(work, 60.0)
        results = await asyncio.gather(*(once.get() for _ in range(3)), return_exceptions=True)
        assert [type(result) for result in results] == [OSError] * 3
        work.fails = False
        assert await once.get() == 2

    asyncio.run(main())
