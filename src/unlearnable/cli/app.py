"""`unlearnable app`: protect and prove in a page that this computer serves to itself."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from unlearnable._extras import require
from unlearnable.cli._app import OK, say


def app(
    *,
    port: Annotated[int, Parameter(help="The first port that is tried; the next free one is taken.")] = 8765,
    no_browser: Annotated[bool, Parameter(negative="", help="Only print the address.")] = False,
    allow: Annotated[
        list[Path] | None, Parameter(help="Folders outside your home that the page may look into.")
    ] = None,
    data: Annotated[
        Path | None, Parameter(help="Where jobs and dropped photos are kept; default: this user's data folder.")
    ] = None,
) -> int:
    """Serve the app on 127.0.0.1 and open it in the browser. Nothing leaves this computer.

    Only the address that is printed opens it. Ctrl-C ends it; work under way goes on at the next start.
    """
    if not 1 <= port <= 65535:
        raise ValueError(f"--port must be 1 to 65535; got {port}")
    require("nicegui", "app", "serve the app")
    from unlearnable.app.server import serve

    serve(port=port, browser=not no_browser, allowed=allow or (), folder=data, say=say)
    return OK
