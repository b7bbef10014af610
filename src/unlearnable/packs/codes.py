"""Which category gets which code: a stable hash, salted with the owner's key."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Int8

SYMMETRIES = 8
"""Four turns, and each of them with the sign changed. Mirrored noise is no other noise: exploiters mirror photos."""


def transformed(noise: Int8[np.ndarray, "c h w"], symmetry: int) -> Int8[np.ndarray, "c s t"]:
    """Return a slot's noise after one of the SYMMETRIES; 0 leaves it as it is.

    Any turn and sign keeps what the noise is good for: its size, its frequencies, its smoothness.
    """
    turned = np.rot90(noise, symmetry % 4, axes=(1, 2))
    return np.ascontiguousarray(-turned if symmetry >= 4 else turned)


def assign(
    categories: Sequence[str], *, owner_key: bytes, slots: int, taken: Mapping[str, int] | None = None
) -> dict[str, int]:
    """Give each category a code of its own: a slot, and one of SYMMETRIES, as symmetry * slots + slot.

    The code is BLAKE2b(category, key) mod the number of slots. Where two categories of one run meet, the one whose hash
    is larger moves on to the next free slot, so the outcome depends on the set of names and not on their order. Only
    when all slots are taken are symmetries used, because noise that was turned is a little weaker than noise as it was
    found (docs/packs.md). Categories in `taken` keep their code, whatever the key.

    Args:
        categories: the names.
        owner_key: the owner's secret: without it nobody knows which noise a name gets.
        slots: how many rows the pack has.
        taken: codes from an earlier run.

    Returns:
        Code by name, for every name in `categories`.

    Raises:
        ValueError: more categories than codes, or `taken` does not fit.
    """
    total = slots * SYMMETRIES
    fixed = dict(taken or {})
    wrong = [name for name, code in fixed.items() if not 0 <= code < total]
    if wrong:
        raise ValueError(f"category {wrong[0]!r} has code {fixed[wrong[0]]} from an earlier run, the pack has {total}")
    used = set(fixed.values())
    new = sorted({name for name in categories if name not in fixed}, key=lambda name: _hash(name, owner_key))
    if len(used) + len(new) > total:
        raise ValueError(
            f"{len(used) + len(new)} categories are more than the pack's {total} codes; protect fewer at a time into "
            "one folder, or make a larger pack with `unlearnable pack build --slots`"
        )
    full = {code % slots for code in used}
    for name in new:
        code = _hash(name, owner_key) % slots
        if len(full) < slots:
            while code in full:
                code = (code + 1) % slots
            full.add(code)
        while code in used:
            code = (code + 1) % total
        used.add(code)
        fixed[name] = code
    return {name: fixed[name] for name in categories}


def _hash(name: str, owner_key: bytes) -> int:
    key = hashlib.blake2b(owner_key, digest_size=32).digest()
    return int.from_bytes(hashlib.blake2b(name.encode("utf-8", "surrogateescape"), key=key, digest_size=8).digest())
