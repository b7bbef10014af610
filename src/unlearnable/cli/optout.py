"""`unlearnable optout`: requests not to train, in photos and for a website."""

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from unlearnable import media
from unlearnable._extras import MissingExtraError
from unlearnable.cli._app import OK, SOME_FAILED, say
from unlearnable.cli._options import AsJson, emit

app = App(
    name="optout",
    help="Requests not to train AI: honest crawlers can read them, anyone can strip them. "
    "`unlearnable protect --optout ai` writes one into photos.",
)

NOTICE = "These are requests. They can be ignored and stripped, and they say whose site it is."


@app.command(name="read")
def read(files: Annotated[list[Path], Parameter(help="Photos.")], /, *, as_json: AsJson = False) -> int:
    """Say what each photo's metadata asks for. Exit code: 0 all could be read, 1 some could not."""
    failed = 0
    for file in files:
        signed: media.Signed | None = None
        try:
            data = file.read_bytes()
            picture = media.decode(data)
            value = media.read_optout(picture.metadata.xmp)
            words = "asks for nothing" if value is None else media.meaning(value)
            with suppress(MissingExtraError):
                signed = media.read_credentials(data, picture.format)
        except (media.Refused, OSError) as error:
            failed += 1
            value, words = None, f"cannot be read: {getattr(error, 'strerror', None) or error}"
        if signed is not None:
            words += f"; {_told(signed)}"
        if as_json:
            facts = {"kind": "optout", "file": str(file), "value": value, "meaning": words}
            emit({**facts, "credentials": None if signed is None else asdict(signed)})
        else:
            say(f"{file}: {words}")
    return SOME_FAILED if failed else OK


def _told(signed: media.Signed) -> str:
    state = (
        "the file was changed since" if not signed.valid else "known to this reader" if signed.trusted else "untrusted"
    )
    what = ", ".join(signed.prohibits) or "nothing"
    return f"Content Credentials signed by {signed.by} ({state}) prohibit {what}"


@app.command(name="site")
def site(
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="A new folder for the files.")],
    location: Annotated[str, Parameter(help="Which addresses of the site, such as /photos/*.")] = "/",
    policy: Annotated[str | None, Parameter(help="Address of a page with your conditions.")] = None,
) -> int:
    """Write what a website can say: tdmrep.json, header lines, lines for robots.txt, and ai.txt.

    Nothing of an existing site is touched: what to put where is in README.txt.
    """
    from unlearnable.protect.website import site_files

    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ValueError(f"--output {output} is there already: name a new folder")
    files = site_files(location, policy)
    for name, content in files.items():
        path = output / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    say(f"{len(files)} files written to {output}; README.txt says what goes where. {NOTICE}")
    return OK
