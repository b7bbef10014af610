"""The owner's secret, and how many processes work at once."""

import os
from pathlib import Path

from platformdirs import user_config_path

OWNER_KEY = "UNLEARNABLE_OWNER_KEY"


def usable_cores() -> int:
    """Return how many cores this process may use."""
    usable = getattr(os, "sched_getaffinity", None)
    return max(1, len(usable(0)) if usable else os.cpu_count() or 1)


def owner_key(file: Path | None = None, *, make: bool = True) -> bytes:
    """Return the secret that spreads category names over the pack's slots, the same in every run of one owner.

    Taken from `file`, else from the environment variable UNLEARNABLE_OWNER_KEY (its text), else from this user's
    configuration folder, where it is made at first use (32 random bytes, readable by the user only), unless `make` is
    False: then another secret stands in for it.

    Raises:
        ValueError: the file is empty, or it cannot be read or made.
    """
    if file is None and os.environ.get(OWNER_KEY):
        return os.environ[OWNER_KEY].encode()
    place = file or user_config_path("unlearnable") / "owner.key"
    if file is None and not make and not place.exists():
        return os.urandom(32)
    if file is None and not place.exists():
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:
                new.write(os.urandom(32))
        except FileExistsError:  # another run made it in the meantime
            pass
        except OSError as error:
            raise ValueError(
                f"the owner key {place} cannot be made ({error.strerror}); name a file of your own with --owner-key, "
                f"or set {OWNER_KEY}"
            ) from error
    try:
        key = place.read_bytes()
    except OSError as error:
        raise ValueError(
            f"the owner key {place} cannot be read ({error.strerror}); name one with --owner-key"
        ) from error
    if not key:
        more = "put a secret in it" if file else "remove it and a new one is made"
        raise ValueError(f"the owner key {place} is empty; {more}")
    return key
