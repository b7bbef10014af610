"""Every kind of file: read upright, written again as the same kind, measured; nothing clean hides in the output."""

import io
import struct
import subprocess
import sys

import numpy as np
import pillow_heif
import pytest
from PIL import Image, PngImagePlugin

from corpus.makers import DEEP_TIFFS, SIZE, camera_jpeg, deep_tiff, png_file, saved, scene, scene_from
from unlearnable.datasets.decode import decode as training_decode
from unlearnable.media import Refused, add, decode, encode, fit, is_grey, measure, unheld
from unlearnable.media import jpeg as jpeg_module
from unlearnable.media import png as png_module
from unlearnable.media import tiff as tiff_module
from unlearnable.media.metadata import clean_xmp

pillow_heif.register_heif_opener(thumbnails=False)


def protected(picture, noise, target="keep"):
    pattern = fit(noise, picture.size, picture.mode, grey=is_grey(picture.pixels))
    changed = type(picture)(
        **{**vars(picture), "pixels": add(picture.pixels, pattern, picture.alpha)},
    )
    data, kind, lossless = encode(changed, target)
    return data, kind, lossless, pattern


@pytest.fixture
def noise(rng):
    return rng.choice(np.array([-8, 8], np.int8), (3, 16, 16))


KINDS = [
    ("JPEG", "RGB", {"quality": 90}),
    ("JPEG", "RGB", {"quality": 75, "progressive": True}),
    ("JPEG", "L", {"quality": 90}),
    ("JPEG", "CMYK", {"quality": 95}),
    ("JPEG", "RGB", {"qtables": [[5] * 64, [9] * 64]}),
    ("PNG", "RGB", {}),
    ("PNG", "RGBA", {}),
    ("PNG", "L", {}),
    ("PNG", "LA", {}),
    ("WEBP", "RGB", {"lossless": True}),
    ("WEBP", "RGBA", {"lossless": True, "exact": True}),
    ("WEBP", "RGB", {"quality": 90}),
    ("WEBP", "RGBA", {"quality": 90}),
    ("AVIF", "RGB", {"quality": 80}),
    ("AVIF", "RGBA", {"quality": 80}),
    ("AVIF", "L", {"quality": 80}),
    ("TIFF", "RGB", {}),
    ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    ("TIFF", "RGBA", {"compression": "tiff_adobe_deflate"}),
    ("TIFF", "L", {"compression": "packbits"}),
    ("TIFF", "LA", {}),
    ("TIFF", "CMYK", {}),
    ("HEIF", "RGB", {}),
    ("HEIF", "RGBA", {}),
    ("HEIF", "L", {}),
]


@pytest.mark.parametrize(("kind", "mode", "options"), KINDS)
def test_each_kind_comes_out_as_it_went_in(rng, noise, kind, mode, options):
    icc = b"not a real profile, kept byte for byte"
    original = decode(saved(scene(rng, mode), kind, icc_profile=icc, **options))
    data, written, lossless, pattern = protected(original, noise)
    again = decode(data)
    assert (written, again.kind, again.size) == (kind, original.kind, original.size)
    assert again.metadata.icc == icc
    measured = measure(original.pixels, again.pixels, pattern, original.alpha)
    assert measured.survival > 0.6
    if original.alpha is not None:
        np.testing.assert_array_equal(again.alpha, original.alpha)
    if lossless:
        assert measured.linf <= 8
        assert measured.survival > 0.95
        if original.alpha is not None:
            hidden = original.alpha == 0
            np.testing.assert_array_equal(again.pixels[hidden], original.pixels[hidden])


@pytest.mark.parametrize(("target", "kind"), [("png", "PNG"), ("webp", "WEBP")])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_lossless_targets_stay_inside_the_budget(rng, noise, target, kind, mode):
    original = decode(saved(scene(rng, mode), "JPEG", quality=90))
    data, written, lossless, pattern = protected(original, noise, target)
    assert (written, lossless) == (kind, True)
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == kind
    pixels = decode(data).pixels[..., : original.pixels.shape[2]]
    assert measure(original.pixels, pixels, pattern).linf <= 8


def test_a_grey_photo_stays_grey_even_with_three_channels(rng, noise):
    original = decode(saved(scene(rng, "L").convert("RGB"), "PNG"))
    assert original.mode == "RGB"
    assert is_grey(decode(protected(original, noise)[0]).pixels)


def test_jpeg_keeps_its_quality_and_gets_full_colour_resolution(rng, noise):
    for tables in ({"quality": 83}, {"qtables": [[7] * 64, [11] * 64]}):
        before = saved(scene(rng), "JPEG", **tables)
        after = protected(decode(before), noise)[0]
        old, new = (Image.open(io.BytesIO(data)) for data in (before, after))
        assert old.quantization == new.quantization
        assert [layer[1:3] for layer in new.layer] == [(1, 1)] * 3
    before = saved(scene(rng), "JPEG", quality=83, progressive=True)
    assert Image.open(io.BytesIO(protected(decode(before), noise)[0])).info.get("progressive")


@pytest.mark.parametrize("sampling", [0, 1, 2])
def test_jpeg_files_are_the_same_with_and_without_the_fast_codec(rng, noise, monkeypatch, sampling):
    data = saved(scene(rng), "JPEG", quality=90, subsampling=sampling)
    assert jpeg_module.decode_fast(data, grey=False) is not None
    fast = protected(decode(data), noise)[0]
    monkeypatch.setattr(jpeg_module, "simplejpeg", None)
    assert protected(decode(data), noise)[0] == fast


ORIENTED = [("JPEG", {"quality": 95}), ("PNG", {}), ("WEBP", {"lossless": True}), ("AVIF", {"quality": 95})]
ORIENTED += [
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
    ("HEIF", {"quality": -1, "chroma": 444, "matrix_coefficients": 0}),
]


@pytest.mark.parametrize(("kind", "options"), ORIENTED)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_eight_orientations_look_the_same_afterwards(rng, noise, kind, options, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "Camera"
    stored = np.asarray(scene(rng))
    shown = {
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.swapaxes(0, 1),
        6: np.rot90(stored, -1),
        7: np.rot90(stored, 2).swapaxes(0, 1),
        8: np.rot90(stored, 1),
    }[orientation]
    data = saved(scene_from(stored), kind, exif=exif.tobytes(), **options)
    original = decode(data)
    assert original.orientation == (orientation if kind != "HEIF" else original.orientation)
    assert original.pixels.shape == shown.shape
    assert np.abs(original.pixels.astype(int) - shown).mean() < 4
    after = decode(protected(original, noise)[0])
    assert after.orientation == 1
    assert after.pixels.shape == shown.shape
    assert np.abs(after.pixels.astype(int) - shown).mean() < 12
    assert Image.open(io.BytesIO(protected(original, noise)[0])).getexif().get(0x010F) == "Camera"


@pytest.mark.parametrize("interlace", [False, True])
@pytest.mark.parametrize(("colour", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_sixteen_bit_png_stays_sixteen_bit(rng, noise, colour, channels, interlace):
    samples = rng.integers(0, 65_536, (37, 29, channels)).astype(np.uint16)
    original = decode(png_file(16, colour, samples, interlace=interlace))
    colours = channels - (channels % 2 == 0)
    np.testing.assert_array_equal(original.pixels, samples[..., :colours])
    data, kind, lossless, pattern = protected(original, noise)
    after = decode(data)
    assert (kind, lossless, png_module.depth(data), data[25]) == ("PNG", True, 16, colour)
    assert after.kind == original.kind
    measured = measure(original.pixels, after.pixels, pattern, original.alpha)
    assert 7 < measured.linf <= 8
    if channels % 2 == 0:
        np.testing.assert_array_equal(after.alpha, samples[..., -1])


def test_a_transparent_colour_becomes_alpha(rng, noise):
    samples = rng.integers(0, 65_536, (9, 9, 3)).astype(np.uint16)
    key = samples[4, 4].astype(">u2").tobytes()
    original = decode(png_file(16, 2, samples, extra=[(b"tRNS", key)]))
    assert original.alpha is not None
    assert np.argwhere(original.alpha == 0).tolist() == [[4, 4]]
    np.testing.assert_array_equal(decode(protected(original, noise)[0]).pixels[4, 4], samples[4, 4])


def test_sixteen_bit_grey_tiff_stays_sixteen_bit(rng, noise):
    samples = rng.integers(5_000, 60_000, (30, 40)).astype(np.uint16)
    original = decode(saved(Image.fromarray(samples), "TIFF"))
    data, _, _, pattern = protected(original, noise)
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == "I;16"
    assert measure(original.pixels, decode(data).pixels, pattern).linf == pytest.approx(
        np.abs(pattern.rows.astype(int)).max()
    )


@pytest.mark.parametrize(("name", "photometric", "channels", "options"), DEEP_TIFFS)
def test_sixteen_bit_colour_tiff_stays_sixteen_bit(rng, noise, name, photometric, channels, options):
    samples = rng.integers(0, 65_536, (37, 45, channels)).astype(np.uint16)
    original = decode(deep_tiff(samples, photometric, **options))
    colours = {1: 1, 2: 3, 5: 4}[photometric]
    shown = np.rot90(samples, -1) if name == "turned" else samples
    np.testing.assert_array_equal(original.pixels, shown[..., :colours])
    data, kind, lossless, pattern = protected(original, noise)
    after = decode(data)
    assert (kind, lossless, after.kind, after.orientation) == ("TIFF", True, original.kind, 1)
    assert after.encoding.compression == original.encoding.compression
    measured = measure(original.pixels, after.pixels, pattern, original.alpha)
    assert 7 < measured.linf <= 8
    if channels > colours:
        np.testing.assert_array_equal(after.alpha, samples[..., -1])
    with Image.open(io.BytesIO(data)) as image:  # Pillow sees the same picture, in 8 bits
        if image.mode in ("RGB", "RGBA"):
            theirs = np.asarray(image).astype(int)[..., :3]
            assert np.abs(theirs - after.pixels // 257).max() <= 1


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate"])
def test_tiff_keeps_its_compression_and_camera_data(rng, noise, compression, deep):
    options = {"compression": compression, "icc_profile": b"profile", "dpi": (300, 300)}
    if deep:
        samples = rng.integers(0, 65_536, (30, 40, 3)).astype(np.uint16)
        data = tiff_module.encode16(samples, "RGB", options)
    else:
        data = saved(scene(rng), "TIFF", **options)
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0x829A: 0.5, 0x9000: b"0230", 0x9003: "2024:05:06 07:08:09", 0x9286: b"hello there"})
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 30.0, 0.5)})
    original = decode(tiff_module.with_exif(data, exif))
    out = protected(original, noise)[0]
    again = decode(out)
    assert again.depth == (16 if deep else 8)
    assert again.encoding.compression == compression
    assert (again.metadata.icc, again.metadata.dpi) == (b"profile", (300, 300))
    with Image.open(io.BytesIO(out)) as image:
        kept = image.getexif()
        camera, place = kept.get_ifd(0x8769), kept.get_ifd(0x8825)
    assert (camera[0x829A], camera[0x9000], camera[0x9003]) == (0.5, b"0230", "2024:05:06 07:08:09")
    assert camera[0x9286] == b"hello there"
    assert (place[1], [float(part) for part in place[2]]) == ("N", [52.0, 30.0, 0.5])


@pytest.mark.parametrize("mode", ["P", "1"])
def test_few_colours_become_many_and_say_so(rng, noise, mode):
    original = decode(saved(scene(rng, mode), "PNG"))
    assert original.mode == {"P": "RGB", "1": "L"}[mode]
    assert any("noise" in note for note in original.notes)
    assert decode(protected(original, noise)[0]).kind == original.kind


@pytest.mark.parametrize("target", ["keep", "png", "webp"])
def test_no_preview_survives_and_the_rest_does(rng, noise, target):
    data, previews = camera_jpeg(rng)
    assert all(part in data for part in previews)
    original = decode(data)
    assert original.size == (SIZE[1], SIZE[0])
    assert any("maker" in note for note in original.notes)
    out = protected(original, noise, target)[0]
    assert not any(part in out for part in previews)
    with Image.open(io.BytesIO(out)) as image:
        image.load()
        exif = image.getexif()
        assert exif.get(0x0112) == 1
        assert exif.get(0x8298) == "(c) Owner"
        camera = exif.get_ifd(0x8769)
        assert float(camera[0x829A]) == pytest.approx(0.01)
        assert (camera[0xA002], camera[0xA003]) == (SIZE[1], SIZE[0])
        assert 0x927C not in camera
        assert exif.get_ifd(0x8825)[1] == "N"
        assert not exif.get_ifd(1)
        xmp = image.info.get("xmp") or image.info["XML:com.adobe.xmp"].encode()
        assert b"mine" in xmp
        assert b'tiff:Orientation="1"' in xmp
        if target != "webp":
            assert tuple(round(value) for value in image.info["dpi"]) == (300, 300)
        if target == "keep":
            assert b"mine" in image.info["photoshop"][0x0404]
            assert set(image.info["photoshop"]) == {0x0404}
            assert image.info["comment"] == b"hi"


def test_maker_notes_are_left_out_even_where_no_preview_is_seen(rng):
    exif = Image.Exif()
    exif[0x8769] = {0x829A: 0.01, 0x927C: b"MAKER nothing special"}
    original = decode(saved(scene(rng), "JPEG", exif=exif.tobytes()))
    assert any("private EXIF notes" in note for note in original.notes)
    assert b"nothing special" not in original.metadata.exif


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"<odd:Preview>" + b"QUJDREVGR0hJ" * 60 + b"</odd:Preview>", "may hold a picture"),
        (b"<odd:Preview>" + (b"QUJDREVGR0hJ" * 6 + b"&#xA;") * 20 + b"</odd:Preview>", "may hold a picture"),
        (b'<rdf:Description hdrgm:Version="1.0"/>', "second picture"),
        (b"<dc:title>" + b"a b " * 20_000 + b"</dc:title>", "too large"),
    ],
)
def test_xmp_that_may_hold_or_describe_a_picture_is_left_out(body, word):
    xmp, notes = clean_xmp(b"<rdf:RDF>" + body + b"</rdf:RDF>")
    assert xmp is None
    assert word in notes[0]
    assert clean_xmp(b"<dc:rights>mine</dc:rights>") == (b"<dc:rights>mine</dc:rights>", ())


def test_tiff_keeps_its_texts_and_drops_structure(rng, noise):
    info = {270: "a walk", 315: "Owner", 33432: "(c)", 34377: b"8BIM" + b"\xff\xd8\xff" * 50}
    data = saved(scene(rng), "TIFF", tiffinfo=info, compression="tiff_lzw", dpi=(240, 240))
    out = protected(decode(data), noise)[0]
    with Image.open(io.BytesIO(out)) as image:
        tags = image.tag_v2
        assert (tags[270], tags[315], tags[33432]) == ("a walk", "Owner", "(c)")
        assert 34377 not in tags
        assert image.info["compression"] == "tiff_lzw"
        assert image.info["dpi"] == (240, 240)


def test_the_second_picture_of_a_jpeg_is_left_out(rng, noise):
    clean = scene(rng, size=(50, 40))
    data = saved(scene(rng), "MPO", save_all=True, append_images=[clean])
    second = data[data.rindex(b"\xff\xd8\xff") :]
    assert second[-200:-100] in data
    original = decode(data)
    assert any("second picture" in note for note in original.notes)
    out = protected(original, noise)[0]
    assert second[-200:-100] not in out
    assert b"MPF" not in out
    assert Image.open(io.BytesIO(out)).format == "JPEG"


def test_png_keeps_short_known_texts_and_colour_chunks(rng, noise):
    info = PngImagePlugin.PngInfo()
    info.add_text("Copyright", "Öwner © 2024")
    info.add_text("Thumb::Image", "x" * 3000)
    info.add_text("Thumb::URI", "short")
    info.add_text("Description", "x" * 100_000)
    info.add(b"gAMA", struct.pack(">I", 45_455))
    data = saved(scene(rng), "PNG", pnginfo=info, dpi=(144, 144))
    with Image.open(io.BytesIO(protected(decode(data), noise)[0])) as image:
        image.load()
        assert image.text == {"Copyright": "Öwner © 2024"}
        assert image.info["gamma"] == 0.45455
        assert round(image.info["dpi"][0]) == 144


BROKEN = {
    "empty": lambda rng: b"",
    "text": lambda rng: b"just a letter" * 9,
    "gif": lambda rng: saved(scene(rng, "P"), "GIF"),
    "bmp": lambda rng: saved(scene(rng), "BMP"),
    "animated webp": lambda rng: saved(scene(rng), "WEBP", save_all=True, append_images=[scene(rng, "L")]),
    "animated png": lambda rng: saved(scene(rng), "PNG", save_all=True, append_images=[scene(rng, "L")]),
    "pages": lambda rng: saved(scene(rng), "TIFF", save_all=True, append_images=[scene(rng)]),
    "float tiff": lambda rng: saved(Image.new("F", (9, 9)), "TIFF"),
    "bomb": lambda rng: png_module.assemble(
        [(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)), (b"IDAT", b""), (b"IEND", b"")]
    ),
    "header only": lambda rng: saved(scene(rng), "JPEG")[:30],
}


@pytest.mark.parametrize("name", BROKEN)
def test_odd_files_are_refused_with_one_sentence(rng, name):
    with pytest.raises(Refused) as refusal:
        decode(BROKEN[name](rng))
    sentence = str(refusal.value)
    assert 10 < len(sentence) < 140
    assert "\n" not in sentence
    assert "Error" not in sentence


@pytest.mark.parametrize(
    ("kind", "options"),
    [("JPEG", {}), ("PNG", {}), ("WEBP", {}), ("AVIF", {}), ("TIFF", {"compression": "tiff_lzw"}), ("HEIF", {})],
)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_truncated_files_are_refused(rng, kind, options, share):
    picture = Image.fromarray(rng.integers(0, 256, (64, 96, 3)).astype(np.uint8))
    data = saved(picture, kind, **options)
    with pytest.raises(Refused, match="truncated|damaged"):
        decode(data[: int(len(data) * share)])


def test_truncated_sixteen_bit_png_is_refused(rng):
    data = png_file(16, 2, rng.integers(0, 65_536, (37, 29, 3)).astype(np.uint16))
    with pytest.raises(Refused, match="truncated"):
        decode(data[:-2000])


@pytest.mark.parametrize(
    ("mode", "target", "word"), [("CMYK", "png", "CMYK"), ("CMYK", "webp", "CMYK"), ("16", "webp", "16 bits")]
)
def test_formats_that_cannot_hold_a_picture_say_so(rng, mode, target, word):
    if mode == "16":
        data = png_file(16, 0, rng.integers(0, 65_536, (9, 9, 1)).astype(np.uint16))
    else:
        data = saved(scene(rng, mode), "JPEG")
    with pytest.raises(Refused, match=word):
        encode(decode(data), target)


FILM = b"\x00\x00\x00\x18ftypmp42" + bytes(50) + b"\xff\xd9" + bytes(50)
LEFT_OUT = {
    "a film": (lambda photo: photo + FILM, "the film of a motion photo was left out"),
    "data behind": (lambda photo: photo + b"SEFT\x01", "data behind the picture were left out"),
    "padding": (lambda photo: photo + bytes(64), ""),
    "a second comment": (lambda photo: with_segments(photo, (0xFE, b"one"), (0xFE, b"two")), "a JPEG comment was"),
    "a long comment": (lambda photo: with_segments(photo, (0xFE, b"x" * 2049)), "a JPEG comment was left out"),
    "a comment": (lambda photo: with_segments(photo, (0xFE, b"x" * 2048)), ""),
    "extended XMP": (
        lambda photo: with_segments(photo, (0xE1, b"http://ns.adobe.com/xmp/extension/\x00" + bytes(90))),
        "its extended XMP was left out",
    ),
    "long IPTC": (
        lambda photo: with_segments(
            photo, (0xED, b"Photoshop 3.0\x008BIM\x04\x04\x00\x00" + struct.pack(">I", 20_000) + bytes(20_000))
        ),
        "its IPTC was left out because it may hold a picture",
    ),
}


def with_segments(photo, *segments):
    parts = [bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body for marker, body in segments]
    return photo[:2] + b"".join(parts) + photo[2:]


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("what", LEFT_OUT)
def test_what_is_left_out_of_a_jpeg_is_said_once(rng, what, progressive):
    act, said = LEFT_OUT[what]
    plain = saved(scene(rng), "JPEG", progressive=progressive, restart_marker_rows=1)
    notes = decode(act(plain)).notes
    assert len(notes) == (1 if said else 0)
    assert all(note.startswith(said) for note in notes)
    assert decode(plain).notes == ()


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
@pytest.mark.parametrize("wide", [False, True])
def test_the_film_of_a_motion_photo_in_a_box_is_said(rng, kind, wide):
    plain = saved(scene(rng), kind)
    other = struct.pack(">I4sQ", 1, b"free", 20) if wide else struct.pack(">I4s", 12, b"free")
    head = struct.pack(">I4s", len(FILM) + 8, b"mpvd")
    assert decode(plain + other + bytes(4) + head + FILM).notes == ("the film of a motion photo was left out",)
    last = struct.pack(">I4s", 0, b"mpvd")
    assert decode(plain + last + FILM).notes == ("the film of a motion photo was left out",)
    assert decode(plain + struct.pack(">I4s", 12, b"free") + b"mpvd").notes == ()
    assert decode(plain).notes == ()


def test_xmp_does_not_point_to_what_is_gone(rng):
    kept = b'<x xmpRights:Owner="me"><a:b>c</a:b></x>'
    gone = [
        b" GCamera:MicroVideo='1' GCamera:MicroVideoOffset=\"4096\"",
        b' GCamera:MotionPhoto="1"',
        b' xmpNote:HasExtendedXMP="0123"',
    ]
    xmp = kept.replace(b'"me"', b'"me"' + b"".join(gone)).replace(
        b"</x>", b"<GCamera:MicroVideo>1</GCamera:MicroVideo></x>"
    )
    assert decode(saved(scene(rng), "JPEG", xmp=xmp)).metadata.xmp == kept


def test_iptc_of_a_tiff_is_kept_and_what_a_format_cannot_hold_is_said(rng, noise):
    iptc = b"\x1c\x02\x78\x00\x05owner"
    original = decode(saved(scene(rng), "TIFF", tiffinfo={33723: iptc}))
    assert original.metadata.iptc == iptc
    out, kind, _, _ = protected(original, noise)
    assert decode(out).metadata.iptc == iptc
    assert unheld(original, kind) == ()
    assert unheld(original, "PNG") == ("its IPTC captions and credits stayed behind: PNG has no place for them",)
    told = decode(saved(scene(rng), "JPEG", comment=b"hello"))
    assert unheld(told, "WEBP") == ("its JPEG comment stayed behind: WEBP has no place for them",)


def test_texts_of_a_png_are_kept_or_named(rng, noise):
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", "by the sea")
    texts.add_text("parameters", "a private prompt")
    original = decode(saved(scene(rng), "PNG", pnginfo=texts))
    assert original.metadata.texts == (("Comment", "by the sea"),)
    assert any("parameters" in note for note in original.notes)
    assert decode(protected(original, noise)[0]).metadata.texts == (("Comment", "by the sea"),)


def test_an_exif_value_that_may_hold_a_picture_is_named(rng):
    exif = Image.Exif()
    exif[0x010E] = "x" * 20_000
    exif[0x8298] = "mine"
    original = decode(saved(scene(rng), "JPEG", exif=exif.tobytes()))
    assert any("EXIF value" in note for note in original.notes)


def test_sixteen_bit_grey_where_white_is_zero_is_not_turned_round(rng, noise):
    levels = (np.linspace(0, 65_535, 96 * 64).reshape(64, 96)).astype(np.uint16)
    data = tiff_module.with_directory(saved(Image.fromarray(levels), "TIFF"), {262: (0,)})
    original = decode(data)
    assert np.array_equal(original.pixels[..., 0], 65_535 - levels)
    again = decode(protected(original, noise)[0])
    assert np.abs(again.pixels.astype(int) - original.pixels).max() <= 8 * 257
    as_trained = training_decode(data, size=None)[0]
    assert np.abs(as_trained.astype(int) - (65_535 - levels.astype(int)) / 257).max() <= 0.5


def test_the_size_of_a_deep_tiff_is_counted_in_pixels_not_in_samples(rng, monkeypatch):
    data = deep_tiff(rng.integers(0, 65_536, (SIZE[1], SIZE[0], 3)).astype(np.uint16), 2)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", SIZE[0] * SIZE[1])
    assert decode(data).depth == 16
    assert SIZE[0] * SIZE[1] == Image.MAX_IMAGE_PIXELS


def test_heic_is_read_for_training_in_a_process_that_read_none_before(rng, tmp_path):
    (tmp_path / "a.heic").write_bytes(saved(scene(rng), "HEIF"))
    code = (
        "import sys; from pathlib import Path; from unlearnable.datasets.decode import decode; "
        "print(decode(Path(sys.argv[1]), size=32).shape)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "a.heic"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(3, 32, 32)"
