"""The one message for a missing optional dependency."""

from importlib import import_module
from types import ModuleType


class MissingExtraError(ImportError):
    """An optional dependency is not installed; the message names the command that installs it."""


def require(module: str, extra: str, purpose: str) -> ModuleType:
    """Import `module` or say how to install it.

    Args:
        module: what to import, such as `simplejpeg`.
        extra: the extra of this package that brings it.
        purpose: what needs it, completing "… is needed to".

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.split(".")[0] != module.split(".")[0]:
            raise
        raise MissingExtraError(
            f"{module} is needed to {purpose}; install it with: pip install 'unlearnable[{extra}]'"
        ) from error
