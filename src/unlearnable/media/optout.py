"""A request in a photo's metadata not to train on it: the PLUS property `plus:DataMining` in XMP."""

import re
from typing import Literal
from xml.etree import ElementTree

from unlearnable.media.metadata import LARGEST_BLOCK

OptOut = Literal["ai", "genai", "all"]
PLUS, RDF = "http://ns.useplus.org/ldf/xmp/1.0/", "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
VOCABULARY = "http://ns.useplus.org/ldf/vocab/"
VALUES: dict[OptOut, str] = {
    "ai": f"{VOCABULARY}DMI-PROHIBITED-AIMLTRAINING",
    "genai": f"{VOCABULARY}DMI-PROHIBITED-GENAIMLTRAINING",
    "all": f"{VOCABULARY}DMI-PROHIBITED",
}
"""What is prohibited: training of any AI, of generative AI, or all data mining."""

MEANINGS = {
    "DMI-UNSPECIFIED": "says nothing about data mining",
    "DMI-ALLOWED": "allows data mining",
    "DMI-PROHIBITED-AIMLTRAINING": "prohibits training AI or machine learning",
    "DMI-PROHIBITED-GENAIMLTRAINING": "prohibits training generative AI or machine learning",
    "DMI-PROHIBITED-EXCEPTSEARCHENGINEINDEXING": "prohibits data mining except for search engines",
    "DMI-PROHIBITED": "prohibits data mining",
    "DMI-PROHIBITED-SEECONSTRAINT": "prohibits data mining, with constraints named beside it",
    "DMI-PROHIBITED-SEEEMBEDDEDRIGHTSEXPR": "prohibits data mining, as rights in the file say",
    "DMI-PROHIBITED-SEELINKEDRIGHTSEXPR": "prohibits data mining, as rights linked from the file say",
}

_PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="{rdf}">{description}</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)


def with_optout(xmp: bytes | None, choice: OptOut) -> tuple[bytes, tuple[str, ...]]:
    """Return XMP that says so, and notes on what was lost.

    Everything else in it stays as it was, byte for byte; only an earlier `plus:DataMining` is replaced. XMP that is
    not well-formed cannot be added to and is replaced.

    Source: PLUS License Data Format 2.0.1; IPTC, guidelines on AI opt-out.
    """
    fresh = _PACKET.format(rdf=RDF, description=_description("rdf", "", VALUES[choice])).encode()
    if not xmp:
        return fresh, ()
    changed = _added(xmp, VALUES[choice])
    if changed is None:
        return fresh, ("its XMP was malformed and was replaced by the opt-out",)
    if len(changed) > LARGEST_BLOCK:
        return fresh, ("its XMP was too large to be added to and was replaced by the opt-out",)
    return changed, ()


def read_optout(xmp: bytes | None) -> str | None:
    """Return the value of `plus:DataMining` in XMP, an address; None if there is none or the XMP is malformed."""
    root = _parsed(xmp) if xmp else None
    if root is None:
        return None
    name = f"{{{PLUS}}}DataMining"
    for element in root.iter():
        if name in element.attrib:
            return element.attrib[name].strip()
        if element.tag == name:
            return (element.get(f"{{{RDF}}}resource") or element.text or "").strip() or None
    return None


def meaning(value: str) -> str:
    """Say in words what a value asks for."""
    return MEANINGS.get(value.rsplit("/", 1)[-1], f"has the value {value!r}, which the vocabulary does not know")


def _parsed(xmp: bytes) -> ElementTree.Element | None:
    if b"<!DOCTYPE" in xmp or b"<!ENTITY" in xmp:  # XMP has none; what has one wants something else
        return None
    try:
        return ElementTree.fromstring(xmp.strip(b"\x00 \r\n\t"))  # noqa: S314 - no entities, 64 KB at most
    except ElementTree.ParseError:
        return None


def _added(xmp: bytes, value: str) -> bytes | None:
    if _parsed(xmp) is None:
        return None
    try:
        text = xmp.decode("utf-8")
    except UnicodeDecodeError:
        return None
    for prefix in {"plus", *re.findall(rf"xmlns:([\w.-]+)\s*=\s*[\"']{re.escape(PLUS)}[\"']", text)}:
        name = rf"{re.escape(prefix)}:DataMining"
        text = re.sub(rf"\s+{name}\s*=\s*(\"[^\"]*\"|'[^']*')", "", text)
        text = re.sub(rf"<{name}\b[^>]*/>|<{name}\b[^>]*>.*?</{name}\s*>", "", text, flags=re.DOTALL)
    found = re.search(rf"xmlns:([\w.-]+)\s*=\s*[\"']{re.escape(RDF)}[\"']", text)
    if found is None:
        return None
    rdf = found[1]
    # what was added before is empty now
    tag = f"{re.escape(rdf)}:Description"
    ours = rf'<{tag} [\w.-]+:about="[^"]*" xmlns:plus="{re.escape(PLUS)}"></{tag}>'
    text = re.sub(ours, "", text)
    about = re.search(rf"{re.escape(rdf)}:about\s*=\s*[\"']([^\"']*)[\"']", text)
    end = text.rfind(f"</{rdf}:RDF")
    if end < 0:
        return None
    made = (text[:end] + _description(rdf, about[1] if about else "", value) + text[end:]).encode()
    return made if read_optout(made) == value else None


def _description(rdf: str, about: str, value: str) -> str:
    # attribute form of the subject, element form of the value: what the readers in use understand
    return (
        f'<{rdf}:Description {rdf}:about="{about}" xmlns:plus="{PLUS}">'
        f"<plus:DataMining>{value}</plus:DataMining></{rdf}:Description>"
    )
