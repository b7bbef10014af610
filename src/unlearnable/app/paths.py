"""Which folders the app may look into, and names it may write."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LONGEST_NAME = 120
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


class OutsideError(ValueError):
    """A path leads out of what the app may see; the message is one sentence."""


@dataclass(frozen=True)
class Places:
    """The folders the app may look into: the user's home, and what the command line allows.

    Args:
        roots: real folders.
    """

    roots: tuple[Path, ...]

    @classmethod
    def of(cls, folders: Sequence[Path]) -> "Places":
        """Return the real folders of `folders`, each once.

        Raises:
            ValueError: one is no folder.
        """
        for folder in folders:
            if not folder.is_dir():
                raise ValueError(f"there is no folder {folder}; name one that is there")
        return cls(tuple(dict.fromkeys(folder.resolve() for folder in folders)))

    def inside(self, text: str) -> Path:
        """Return the real path of what a person typed or clicked, links followed.

        Raises:
            OutsideError: it is not inside one of the folders, or no path at all.
        """
        if not text.strip() or any(ord(letter) < 32 for letter in text):
            raise OutsideError("that is no folder name")
        if text.startswith(("\\\\", "//")):
            raise OutsideError("network paths are not opened; copy the photos to this computer first")
        try:
            path = Path(text).expanduser()
            if not path.is_absolute():
                raise OutsideError(f"give the whole path of {text!r}, from the top")
            real = path.resolve()
        except (OSError, RuntimeError) as error:
            raise OutsideError(f"{text!r} cannot be looked at") from error
        if not any(real == root or root in real.parents for root in self.roots):
            raise OutsideError(
                f"{text} is outside the folders this app may see; allow it with `unlearnable app --allow FOLDER`"
            )
        return real

    def folders(self, folder: Path) -> list[Path]:
        """Return the sub-folders that may be seen, by name; without hidden ones and those that cannot be read or named.

        Raises:
            OutsideError: `folder` may not be seen, or cannot be read.
        """
        real = self.inside(str(folder))
        try:
            found = sorted(real.iterdir(), key=lambda path: path.name.casefold())
        except OSError as error:
            raise OutsideError(f"{folder} cannot be opened: {error.strerror or error}") from error
        kept = []
        for path in found:
            try:
                if path.name.startswith(".") or not path.is_dir():
                    continue
                self.inside(str(path))
                path.name.encode()  # the browser has no way to name what is no text; the command line has
            except (OutsideError, OSError, UnicodeEncodeError):
                continue
            kept.append(path)
        return kept


def safe_name(name: str) -> str:
    """Return a file name that is one: no folder in it, nothing that a system takes for something else.

    Raises:
        ValueError: nothing is left of it.
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    kept = "".join(letter if letter.isprintable() and letter not in '<>:"|?*' else "_" for letter in last).strip(" .")
    if not kept:
        raise ValueError("a file without a name was left out")
    if RESERVED.fullmatch(kept):
        kept = f"_{kept}"
    if len(kept) > LONGEST_NAME:
        stem, dot, suffix = kept.rpartition(".")
        kept = f"{stem[: LONGEST_NAME - len(suffix) - 1]}.{suffix}" if dot and len(suffix) < 10 else kept[:LONGEST_NAME]
    return kept
