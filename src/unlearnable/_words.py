"""Words for people: what an error says, what a file is called, how long something takes."""


def sentence(error: BaseException) -> str:
    """Return what an error says, in one line."""
    if isinstance(error, MemoryError):
        return "there is not enough memory for it"
    text = error.args[0] if isinstance(error, KeyError) and error.args else error
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.strerror.lower()}: {error.filename}" if error.filename else error.strerror
    return " ".join(str(text).split()) or type(error).__name__


def shown(name: str) -> str:
    """Return a name that may be no text as text for people; what is none is escaped."""
    return name.encode("utf-8", "backslashreplace").decode()


def spoken(seconds: float) -> str:
    """Say a duration the way a person would: 40 s, 7 min, 2 h 10 min."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
