"""Which category gets which slot: a stable hash, salted with the owner's key."""

import hashlib
from collections.abc import Mapping, Sequence


def assign(
    categories: Sequence[str], *, owner_key: bytes, slots: int, taken: Mapping[str, int] | None = None
) -> dict[str, int]:
    """Give each category a slot of its own.

    The slot is BLAKE2b(category, key) mod slots. Where two categories of one run meet, the one whose hash is larger
    moves on to the next free slot, so the outcome depends on the set of names and not on their order. Categories in
    `taken` keep their slot, whatever the key.

    Args:
        categories: the names.
        owner_key: the owner's secret: without it nobody knows which noise a name gets.
        slots: how many there are.
        taken: slots from an earlier run.

    Returns:
        Slot by name, for every name in `categories`.

    Raises:
        ValueError: more categories than slots, or `taken` does not fit.
    """
    fixed = dict(taken or {})
    wrong = [name for name, slot in fixed.items() if not 0 <= slot < slots]
    if wrong:
        raise ValueError(f"category {wrong[0]!r} has slot {fixed[wrong[0]]} from an earlier run, the pack has {slots}")
    used = set(fixed.values())
    new = sorted({name for name in categories if name not in fixed}, key=lambda name: _hash(name, owner_key))
    if len(used) + len(new) > slots:
        raise ValueError(
            f"{len(used) + len(new)} categories are more than the pack's {slots} slots; protect fewer at a time into "
            "one folder, or make a larger pack with `unlearnable pack build --slots`"
        )
    for name in new:
        slot = _hash(name, owner_key) % slots
        while slot in used:
            slot = (slot + 1) % slots
        used.add(slot)
        fixed[name] = slot
    return {name: fixed[name] for name in categories}


def _hash(name: str, owner_key: bytes) -> int:
    key = hashlib.blake2b(owner_key, digest_size=32).digest()
    return int.from_bytes(hashlib.blake2b(name.encode("utf-8", "surrogateescape"), key=key, digest_size=8).digest())
