"""The slot table: RFC 8881 section 2.10.6.1."""

from __future__ import annotations

from nfsclient.slots import SlotTable


def test_lowest_free_slot_first_and_highest_busy_told() -> None:
    table = SlotTable(3)
    slots = [table.acquire() for _ in range(3)]
    assert [slot.number for slot in slots if slot] == [0, 1, 2]
    assert table.acquire() is None
    assert slots[0] is not None
    assert slots[2] is not None
    table.release(slots[2], executed=True)
    assert table.highest_busy() == 1
    table.release(slots[0], executed=True)
    again = table.acquire()
    assert again is slots[0]


def test_sequence_id_grows_only_when_the_server_executed() -> None:
    """"If SEQUENCE returns an error, then the state of the slot MUST NOT change" (section 18.46.3)."""
    table = SlotTable(1)
    slot = table.acquire()
    assert slot is not None
    assert slot.sequence_id == 1
    table.release(slot, executed=False)
    assert table.acquire() is slot
    assert slot.sequence_id == 1
    table.release(slot, executed=True)
    assert slot.sequence_id == 2


def test_sequence_id_wraps_around() -> None:
    table = SlotTable(1)
    slot = table.acquire()
    assert slot is not None
    slot.sequence_id = 0xFFFFFFFF
    table.release(slot, executed=True)
    assert slot.sequence_id == 0


def test_target_of_the_server_limits_and_slot_0_always_stays() -> None:
    table = SlotTable(4)
    table.set_target(0)
    slot = table.acquire()
    assert slot is not None
    assert slot.number == 0
    assert table.acquire() is None
    table.set_target(99)
    second = table.acquire()
    assert second is not None
    assert second.number == 1


def test_retired_slot_is_never_used_again() -> None:
    table = SlotTable(1)
    slot = table.acquire()
    assert slot is not None
    table.retire(slot)
    assert table.acquire() is None
    assert table.busy == 0
