"""Which category each photo belongs to: its sub-folder, one name for all, or a line of a CSV file."""

import csv
from pathlib import Path

from unlearnable.protect.options import ProtectOptions
from unlearnable.protect.sources import Source

_HEADINGS = frozenset({"file", "file_name", "filename", "path", "image"})


class Categories:
    """A category per source, as the options ask for."""

    def __init__(self, options: ProtectOptions) -> None:
        self._one = options.category
        self._by_key = read_labels(options.labels) if options.labels is not None else None

    def of(self, source: Source) -> str | None:
        """The category, None where the labels file does not name the photo.

        Without labels it is the first sub-folder below the input, and the input's own name at its top level.
        """
        if self._one is not None:
            return self._one
        if self._by_key is not None:
            return self._by_key.get(source.key)
        return source.folders[0] if source.folders else source.home

    def unmatched(self, sources: list[Source]) -> list[str]:
        """Files that the labels name and the inputs do not hold."""
        return sorted(set(self._by_key or ()) - {source.key for source in sources})


def read_labels(path: Path) -> dict[str, str]:
    """Category by file, from a CSV of two columns; paths are relative to the input, a heading line is optional.

    Raises ValueError for an unreadable file, a line without two columns, or one file in two categories.
    """
    labels: dict[str, str] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as lines:
            for number, row in enumerate(csv.reader(lines), 1):
                if not row or (number == 1 and row[0].strip().lower() in _HEADINGS):
                    continue
                if len(row) < 2 or not row[0] or not row[1].strip():
                    raise ValueError(f"line {number} of {path} is not `file,category`: {row!r}")
                key, category = row[0].removeprefix("./").replace("\\", "/"), row[1].strip()
                if labels.setdefault(key, category) != category:
                    raise ValueError(f"{path} puts {key!r} in two categories: {labels[key]!r} and {category!r}")
    except OSError as error:
        raise ValueError(f"the labels file {path} cannot be read: {error.strerror}") from error
    except csv.Error as error:
        raise ValueError(f"the labels file {path} is no CSV ({error}): look for a quote that is not closed") from error
    if not labels:
        raise ValueError(f"the labels file {path} names no files")
    return labels
