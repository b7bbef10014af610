"""The request in the metadata: written, read, and beside what was there."""

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from unlearnable import media
from unlearnable.media import OPTOUT_VALUES, meaning, read_optout, with_optout
from unlearnable.media.metadata import LARGEST_BLOCK

COPYRIGHT = b"""<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="uuid:1" xmlns:dc="http://purl.org/dc/elements/1.1/"{more}>
<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">\xc2\xa9 Ann &amp; Bob</rdf:li></rdf:Alt></dc:rights>{inside}
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""
PLUS = b' xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/"'


def packet(more: bytes = b"", inside: bytes = b"") -> bytes:
    return COPYRIGHT.replace(b"{more}", more).replace(b"{inside}", inside)


@pytest.mark.parametrize("choice", list(OPTOUT_VALUES))
@pytest.mark.parametrize("xmp", [None, b"", packet()])
def test_what_is_written_is_read(choice: media.OptOut, xmp: bytes | None) -> None:
    made, notes = with_optout(xmp, choice)
    assert notes == ()
    assert read_optout(made) == OPTOUT_VALUES[choice]
    ElementTree.fromstring(made)  # noqa: S314 - our own


def test_copyright_stays_as_it_was_byte_for_byte() -> None:
    before = packet()
    made, _ = with_optout(before, "ai")
    at = made.index(b"<rdf:Description", made.index(b"</rdf:Description>"))
    end = made.index(b"</rdf:RDF>")
    assert made[:at] + made[end:] == before
    assert b'rdf:about="uuid:1"' in made[at:end], "about the same thing"


@pytest.mark.parametrize(
    ("more", "inside"),
    [
        (PLUS + b' plus:DataMining="http://ns.useplus.org/ldf/vocab/DMI-ALLOWED"', b""),
        (PLUS, b"<plus:DataMining>http://ns.useplus.org/ldf/vocab/DMI-ALLOWED</plus:DataMining>"),
        (PLUS, b'<plus:DataMining rdf:resource="http://ns.useplus.org/ldf/vocab/DMI-ALLOWED"/>'),
        (PLUS.replace(b"plus=", b"p=") + b" p:DataMining='http://ns.useplus.org/ldf/vocab/DMI-ALLOWED'", b""),
    ],
)
def test_an_earlier_value_is_read_and_replaced(more: bytes, inside: bytes) -> None:
    before = packet(more, inside)
    assert read_optout(before) == "http://ns.useplus.org/ldf/vocab/DMI-ALLOWED"
    made, notes = with_optout(before, "genai")
    assert notes == ()
    assert b"DMI-ALLOWED" not in made
    assert made.count(b"DMI-PROHIBITED") == 1
    assert b"Ann &amp; Bob" in made
    again, _ = with_optout(made, "genai")
    assert again == made, "done twice is done once"
    assert read_optout(again) == OPTOUT_VALUES["genai"]


@pytest.mark.parametrize(
    "xmp",
    [
        b"<x:xmpmeta",
        b"not xml at all",
        b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>',
        b"<x xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'/>",
        b"<x/>",
        b"\xff\xfe\x00<",
        packet(inside=b"<dc:title>" + b"x" * LARGEST_BLOCK + b"</dc:title>"),
    ],
)
def test_what_cannot_be_added_to_is_replaced_and_said(xmp: bytes) -> None:
    made, notes = with_optout(xmp, "all")
    assert read_optout(made) == OPTOUT_VALUES["all"]
    assert len(notes) == 1
    assert "replaced by the opt-out" in notes[0]


def test_every_value_has_words() -> None:
    assert meaning(OPTOUT_VALUES["ai"]) == "prohibits training AI or machine learning"
    assert "does not know" in meaning("http://ns.useplus.org/ldf/vocab/DMI-NEW")
    assert read_optout(packet()) is None


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "avif", "tiff"])
@pytest.mark.parametrize("had", [True, False])
def test_every_file_type_keeps_it(kind: str, had: bool, tmp_path: Path) -> None:
    path = tmp_path / f"x.{kind}"
    pixels = np.random.default_rng(0).integers(60, 190, (40, 40, 3), dtype=np.uint8)
    options = {"xmp": packet()} if had and kind in ("jpeg", "webp", "avif") else {}
    Image.fromarray(pixels).save(path, **options)
    picture = media.decode(path.read_bytes())
    xmp, _ = with_optout(picture.metadata.xmp, "ai")
    changed = replace(picture, metadata=replace(picture.metadata, xmp=xmp))
    written = media.decode(media.encode(changed, "keep")[0])
    assert read_optout(written.metadata.xmp) == OPTOUT_VALUES["ai"]
    if options:
        assert b"Ann &amp; Bob" in (written.metadata.xmp or b"")
    with Image.open(path) as opened:
        assert opened.size == (40, 40)


def test_an_outside_reader_finds_it(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    Image.fromarray(np.full((32, 32, 3), 120, dtype=np.uint8)).save(path)
    picture = media.decode(path.read_bytes())
    xmp, _ = with_optout(None, "ai")
    path.write_bytes(media.encode(replace(picture, metadata=replace(picture.metadata, xmp=xmp)), "keep")[0])
    with Image.open(path) as opened:
        found = opened.info["xmp"].decode()
    assert re.search(r"DataMining.*DMI-PROHIBITED-AIMLTRAINING", found)
