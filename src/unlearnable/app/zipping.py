"""A ZIP of a folder, made while it is sent: nothing is written to disk and little is held in memory."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

from unlearnable._words import shown

PIECE = 1 << 20


class _Buffer:
    """What zipfile writes into; it cannot go back."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.place = 0

    def write(self, data: bytes) -> int:
        self.pieces.append(bytes(data))
        self.place += len(data)
        return len(data)

    def tell(self) -> int:
        return self.place

    def flush(self) -> None:
        """Do nothing: there is nothing behind it."""

    def taken(self) -> bytes:
        data = b"".join(self.pieces)
        self.pieces.clear()
        return data


def _entry(path: Path, name: str) -> zipfile.ZipInfo:
    """Describe a file; a date that a ZIP cannot hold becomes the nearest one, an undecodable name is escaped."""
    return zipfile.ZipInfo.from_file(path, shown(name), strict_timestamps=False)


def zipped(folder: Path, names: list[str]) -> Iterator[bytes]:
    """Yield the bytes of a ZIP with these files of a folder, stored as they are; files that are gone are left out."""
    buffer = _Buffer()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:  # type: ignore[call-overload]
        for name in names:
            path = folder / name
            try:
                source = path.open("rb")
            except OSError:
                continue
            with source, archive.open(_entry(path, name), "w", force_zip64=True) as target:
                while piece := source.read(PIECE):
                    target.write(piece)
                    yield buffer.taken()
        yield buffer.taken()
    yield buffer.taken()
