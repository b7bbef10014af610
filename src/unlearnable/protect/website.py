"""What a website can say to crawlers that listen."""

import json
import re

CRAWLERS = (
    "AI2Bot",
    "Amazonbot",
    "anthropic-ai",
    "Applebot-Extended",
    "Bytespider",
    "CCBot",
    "ClaudeBot",
    "cohere-ai",
    "Diffbot",
    "FacebookBot",
    "Google-Extended",
    "GPTBot",
    "img2dataset",
    "meta-externalagent",
    "omgili",
    "PerplexityBot",
    "Timpibot",
)
"""Names of crawlers and tokens that collect for training, as their makers publish them; there are others."""

IMAGES = ("avif", "bmp", "gif", "heic", "jpeg", "jpg", "png", "svg", "tif", "tiff", "webp")


def site_files(location: str = "/", policy: str | None = None) -> dict[str, str]:
    """Return the files by name.

    Source: W3C community group, TDM Reservation Protocol, 2024 (`tdmrep.json`, headers); RFC 9309 (`robots.txt`);
    Spawning (`ai.txt`).

    Args:
        location: which addresses, from the root, `*` stands for anything.
        policy: address of a page with conditions.

    Raises:
        ValueError: the location or the policy is no address.
    """
    if not location.startswith("/") or re.search(r"\s", location):
        raise ValueError(f"--location begins with / and has no spaces, such as /photos/*; got {location!r}")
    if policy is not None and not re.fullmatch(r"https?://[^\s\"<>]+", policy):
        raise ValueError(f"--policy is a whole address, such as https://example.org/terms; got {policy!r}")
    reserved: dict[str, str | int] = {"location": location, "tdm-reservation": 1}
    headers = ["tdm-reservation: 1", "X-Robots-Tag: noai, noimageai"]
    if policy is not None:
        reserved["tdm-policy"] = policy
        headers.insert(1, f"tdm-policy: {policy}")
    robots = [line for name in CRAWLERS for line in (f"User-agent: {name}",)]
    return {
        ".well-known/tdmrep.json": json.dumps([reserved], indent=2) + "\n",
        "headers.txt": "\n".join(headers) + "\n",
        "robots-lines.txt": "\n".join([*robots, f"Disallow: {location}"]) + "\n",
        "ai.txt": "\n".join(["User-Agent: *", *(f"Disallow: *.{suffix}" for suffix in IMAGES)]) + "\n",
        "README.txt": (
            "Put .well-known/tdmrep.json and ai.txt where your site's root is, so that they are found at\n"
            "/.well-known/tdmrep.json and /ai.txt. Append robots-lines.txt to your robots.txt, after an empty line.\n"
            "Send the lines of headers.txt with every answer; your server's manual says how. In pages, the line\n"
            '<meta name="tdm-reservation" content="1"> says the same.\n\n'
            "These are requests: crawlers that do not listen are not stopped by them.\n"
        ),
    }
