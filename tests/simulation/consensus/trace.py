"""Messages in words, for a trace that is read by people."""

from __future__ import annotations

from mdsproto.raft_pb2 import Message


def describe(message: Message) -> str:
    """One line; empty for a bare sign of life."""
    kind = message.WhichOneof("body")
    if kind is None:
        return f"unknown, term {message.term}"
    if kind == "append":
        body = message.append
        first, last = body.prev_index + 1, body.prev_index + len(body.entries)
        what = f"entries {first} to {last}" if body.entries else "no entries"
        behind = f"behind {body.prev_index} of term {body.prev_term}"
        return f"append {what} {behind}, committed {body.commit_index}{_of(message)}"
    if kind == "ack":
        ack = message.ack
        what = f"has all to {ack.next_index - 1}" if ack.success else f"wants {ack.next_index}"
        return f"ack, {what}{', start over' if ack.reset else ''}{_of(message)}"
    if kind == "forward":
        body = message.forward
        last = body.first_number + len(body.payloads) - 1
        return f"forward {body.first_number} to {last}{', again' if body.again else ''}{_of(message)}"
    body = getattr(message, kind)
    fields = ", ".join(f"{field.name} {value}" for field, value in body.ListFields())
    return f"{kind.replace('_', ' ')}{': ' if fields else ''}{fields}{_of(message)}"


def _of(message: Message) -> str:
    return f" (term {message.term})"
