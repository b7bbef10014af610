"""What all pages share."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from unlearnable.app.manager import Manager
from unlearnable.app.paths import Places
from unlearnable.app.pictures import Gallery


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What all pages share.

    Args:
        folder: where jobs, uploads and locks are kept.
        places: folders that may be looked into.
        manager: the jobs.
        gallery: pictures being shown.
        look: whether pages are `dark`; as the system has it if that is None.
    """

    folder: Path
    places: Places
    manager: Manager
    gallery: Gallery
    look: dict[str, bool | None] = field(default_factory=dict)

    @classmethod
    def at(cls, folder: Path, allowed: Sequence[Path]) -> "Desk":
        """Open the desk of a user.

        Raises:
            ValueError: a folder is missing, or the history cannot be opened.
        """
        uploads = folder / "uploads"
        uploads.mkdir(parents=True, exist_ok=True)
        places = Places.of([Path.home(), *allowed, uploads])
        return cls(folder=folder, places=places, manager=Manager(folder), gallery=Gallery())
