"""Makers of odd photo files, byte by byte where no library would write them."""

import io
import struct
import zlib

import numpy as np
import pillow_heif
from PIL import Image

from unlearnable.media import png as png_module

pillow_heif.register_heif_opener(thumbnails=False)
SIZE = (96, 64)


def scene(rng, mode="RGB", size=SIZE):
    coarse = Image.fromarray(rng.integers(30, 225, (8, 12, 4)).astype(np.uint8), "CMYK").resize(size, Image.BICUBIC)
    if mode == "CMYK":
        return coarse
    picture = Image.merge("RGB", coarse.split()[:3])
    if mode == "P":
        return picture.quantize(32)
    picture = picture.convert(mode) if mode in ("L", "1") else picture
    if mode in ("LA", "RGBA"):
        picture = picture.convert(mode[:-1])
        alpha = np.zeros((size[1], size[0]), np.uint8)
        alpha[10:, 20:] = rng.integers(1, 256, (size[1] - 10, size[0] - 20))
        picture.putalpha(Image.fromarray(alpha))
    return picture


def saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def scene_from(array):
    return Image.fromarray(np.ascontiguousarray(array))


def png_file(depth, colour, samples, extra=(), interlace=False):
    """A PNG written by hand, every filter type in turn."""
    height, width, channels = samples.shape
    body = b""
    step = channels * depth // 8
    passes = png_module._PASSES if interlace else ((0, 0, 1, 1),)
    for x, y, dx, dy in passes:
        part = samples[y::dy, x::dx]
        if 0 in part.shape:
            continue
        rows = np.ascontiguousarray(part.astype(">u2" if depth == 16 else "u1"))
        rows = rows.view(np.uint8).reshape(rows.shape[0], -1).astype(int)
        for index, row in enumerate(rows):
            up = rows[index - 1] if index else np.zeros_like(row)
            left = np.concatenate([np.zeros(step, int), row[:-step]])
            corner = np.concatenate([np.zeros(step, int), up[:-step]])
            guess = left + up - corner
            near = np.stack([abs(guess - left), abs(guess - up), abs(guess - corner)])
            paeth = np.choose(near.argmin(axis=0), [left, up, corner])
            kind = index % 5
            predicted = [np.zeros_like(row), left, up, (left + up) // 2, paeth][kind]
            body += bytes([kind]) + ((row - predicted) % 256).astype(np.uint8).tobytes()
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlace))
    return png_module.assemble([(b"IHDR", header), *extra, (b"IDAT", zlib.compress(body)), (b"IEND", b"")])


def camera_jpeg(rng):
    """A JPEG with everything a camera and an editor leave in it; returns the bytes and the clean previews."""
    thumbnail = saved(scene(rng, size=(160, 120)), "JPEG", quality=60)
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Cämera".encode("latin-1").decode("latin-1")
    exif[0x8298] = "(c) Owner"
    exif[0x8769] = {0x829A: 0.01, 0x927C: b"MAKER" + thumbnail, 0xA002: SIZE[0], 0xA003: SIZE[1], 0x9286: thumbnail}
    exif[0x8825] = {1: "N", 2: (52.0, 30.0, 0.0)}
    block = bytearray(exif.tobytes())
    tiff = block[6:]
    (start,) = struct.unpack("<I" if tiff[:2] == b"II" else ">I", tiff[4:8])
    order = "<" if tiff[:2] == b"II" else ">"
    (count,) = struct.unpack(order + "H", tiff[start : start + 2])
    after = start + 2 + 12 * count
    tiff[after : after + 4] = struct.pack(order + "I", len(tiff))
    entries = [(0x0103, 3, 1, 6), (0x0201, 4, 1, len(tiff) + 2 + 36 + 4), (0x0202, 4, 1, len(thumbnail))]
    tiff += struct.pack(order + "H", 3)
    for tag, kind, number, value in entries:
        packed = struct.pack(order + "HH", value, 0) if kind == 3 else struct.pack(order + "I", value)
        tiff += struct.pack(order + "HHI", tag, kind, number) + packed
    tiff += struct.pack(order + "I", 0) + thumbnail
    base64 = zlib.compress(thumbnail).hex().encode() * 2
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description tiff:Orientation="6">'
    xmp += b"<xmp:Thumbnails><rdf:Alt>" + base64 + b"</rdf:Alt></xmp:Thumbnails><dc:rights>mine</dc:rights>"
    xmp += b"</rdf:Description></rdf:RDF></x:xmpmeta>"
    iptc = b"\x1c\x02\x74\x00\x04mine"
    irb = b"Photoshop 3.0\x00"
    for number, body in ((0x0404, iptc), (0x040C, b"\x00" * 28 + thumbnail)):
        irb += b"8BIM" + struct.pack(">H", number) + b"\x00\x00" + struct.pack(">I", len(body)) + body
        irb += b"\x00" * (len(body) % 2)
    extra = b"\xff\xed" + struct.pack(">H", len(irb) + 2) + irb
    data = saved(
        scene(rng),
        "JPEG",
        quality=90,
        exif=bytes(block[:6] + tiff),
        xmp=xmp,
        extra=extra,
        dpi=(300, 300),
        comment=b"hi",
    )
    return data, (thumbnail[100:164], thumbnail[-200:-100], base64[:60])


ORIENTED = {
    "jpg": ("JPEG", {"quality": 95}),
    "png": ("PNG", {}),
    "webp": ("WEBP", {"lossless": True}),
    "avif": ("AVIF", {"quality": 95}),
    "tif": ("TIFF", {"compression": "tiff_lzw"}),
    "heic": ("HEIF", {"quality": -1, "chroma": 444, "matrix_coefficients": 0}),
}
MODES = {
    "JPEG": ("RGB", "L", "CMYK"),
    "PNG": ("RGB", "RGBA", "L", "LA", "P", "1"),
    "WEBP": ("RGB", "RGBA"),
    "AVIF": ("RGB", "RGBA", "L"),
    "TIFF": ("RGB", "RGBA", "L", "LA", "CMYK", "P", "1"),
    "HEIF": ("RGB", "RGBA", "L"),
}


DEEP_TIFFS = [
    ("rgb", 2, 3, {}),
    ("rgba", 2, 4, {"extra": 2}),
    ("cmyk", 5, 4, {}),
    ("big-endian", 2, 3, {"order": ">"}),
    ("deflated", 2, 3, {"compression": 8, "predictor": 2}),
    ("deflated-big-endian", 2, 3, {"compression": 8, "predictor": 2, "order": ">"}),
    ("tiles", 2, 3, {"compression": 8, "predictor": 2, "tile": 16}),
    ("raw-tiles", 2, 3, {"tile": 32}),
    ("turned", 2, 3, {"orientation": 6}),
]


def oriented(rng, kind, options, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(scene(rng), kind, exif=exif.tobytes(), **options)


def multi_picture_jpeg(rng):
    """A JPEG with a second, clean picture behind it; returns the bytes and a part of the second."""
    data = saved(scene(rng), "MPO", save_all=True, append_images=[scene(rng, size=(50, 40))])
    return data, data[-200:-100]


def good_files(rng):
    """Name (bytes below the folder) to contents, for files that must come out protected."""
    files = {}
    for kind, modes in MODES.items():
        suffix = {"JPEG": "jpg", "TIFF": "tiff", "HEIF": "heic"}.get(kind, kind.lower())
        for mode in modes:
            files[f"modes/{mode}.{suffix}"] = saved(scene(rng, mode), kind)
    for suffix, (kind, options) in ORIENTED.items():
        for orientation in range(1, 9):
            files[f"turned/{orientation}.{suffix}"] = oriented(rng, kind, options, orientation)
    for colour, channels in ((0, 1), (2, 3), (4, 2), (6, 4)):
        samples = rng.integers(0, 65_536, (21, 33, channels)).astype(np.uint16)
        for interlace in (False, True):
            files[f"deep/{channels}-{interlace}.png"] = png_file(16, colour, samples, interlace=interlace)
    files["deep/grey.tif"] = saved(Image.fromarray(rng.integers(0, 65_536, (20, 20)).astype(np.uint16)), "TIFF")
    for name, photometric, channels, options in DEEP_TIFFS:
        samples = rng.integers(0, 65_536, (37, 45, channels)).astype(np.uint16)
        files[f"deep/{name}.tif"] = deep_tiff(samples, photometric, **options)
    samples = rng.integers(0, 65_536, (21, 33, 3)).astype(np.uint16)
    files["deep/key.png"] = png_file(
        16, 2, samples[..., :3], extra=[(b"tRNS", samples[3, 3, :3].astype(">u2").tobytes())]
    )
    files["jpeg/progressive.jpg"] = saved(scene(rng), "JPEG", progressive=True)
    files["jpeg/subsampled.jpg"] = saved(scene(rng), "JPEG", subsampling=2, quality=70)
    files["jpeg/own-tables.jpg"] = saved(scene(rng), "JPEG", qtables=[[6] * 64, [8] * 64])
    files["jpeg/camera.jpg"] = camera_jpeg(rng)[0]
    files["jpeg/second-picture.jpg"] = multi_picture_jpeg(rng)[0]
    files["jpeg/malformed-exif.jpg"] = saved(scene(rng), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7f")
    files["jpeg/one-pixel.jpg"] = saved(scene(rng, size=(1, 1)), "JPEG")
    files["jpeg/odd-size.jpg"] = saved(scene(rng, size=(17, 301)), "JPEG")
    files["jpeg/lossy.webp"] = saved(scene(rng), "WEBP", quality=90)
    files["jpeg/extra-tail.jpg"] = saved(scene(rng), "JPEG") + b"trailing bytes of a motion photo" * 9
    files["names/UPPER.JPG"] = saved(scene(rng), "JPEG")
    files["names/really-a-png.jpg"] = saved(scene(rng), "PNG")
    files["names/no-suffix"] = saved(scene(rng), "PNG")
    files["names/two words.png"] = saved(scene(rng), "PNG")
    files["names/new\nline.png"] = saved(scene(rng), "PNG")
    files["names/-dash.png"] = saved(scene(rng), "PNG")
    files["names/Фото 写真 📷.png"] = saved(scene(rng), "PNG")
    files["names/quote'\".png"] = saved(scene(rng), "PNG")
    files["names/not-utf8-\udcff.png"] = saved(scene(rng), "PNG")
    files["names/" + "x" * 240 + ".png"] = saved(scene(rng), "PNG")
    files["same/a.png"] = saved(scene(rng), "PNG")
    files["same/a.jpg"] = saved(scene(rng), "JPEG")
    files["same/a.jpg.png"] = saved(scene(rng), "PNG")
    files["top.png"] = saved(scene(rng), "PNG")
    return files


def bad_files(rng):
    """Name to contents and a part of the sentence, for files that must be refused."""
    noisy = Image.fromarray(rng.integers(0, 256, (64, 96, 3)).astype(np.uint8))
    files = {
        f"cut/{kind}.{suffix}": (saved(noisy, kind)[:-3000], "truncated|damaged")
        for suffix, (kind, _) in ORIENTED.items()
    }
    bomb = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    deep = np.zeros((9, 9, 4), np.uint16)
    frames = {"save_all": True, "append_images": [scene(rng, "L")]}
    return files | {
        "cut/deep.png": (png_file(16, 2, rng.integers(0, 65_536, (37, 29, 3)).astype(np.uint16))[:-900], "truncated"),
        "cut/header.jpg": (saved(noisy, "JPEG")[:30], "truncated|damaged"),
        "odd/empty.jpg": (b"", "empty"),
        "odd/letter.txt": (b"dear reader", "not a picture"),
        "odd/letter.jpg": (b"dear reader", "not a picture"),
        "odd/zeros.jpg": (b"\x00" * 5000, "not a picture"),
        "odd/still.gif": (saved(scene(rng, "P"), "GIF"), "GIF"),
        "odd/plain.bmp": (saved(scene(rng), "BMP"), "BMP"),
        "odd/moving.webp": (saved(scene(rng), "WEBP", **frames), "frames"),
        "odd/moving.png": (saved(scene(rng), "PNG", **frames), "frames"),
        "odd/pages.tif": (saved(scene(rng), "TIFF", save_all=True, append_images=[scene(rng)]), "pages"),
        "odd/float.tif": (saved(Image.new("F", (9, 9)), "TIFF"), "kind F"),
        "odd/bomb.png": (png_module.assemble([(b"IHDR", bomb), (b"IDAT", b""), (b"IEND", b"")]), "more pixels"),
        "odd/deep-grey-alpha.tif": (deep_tiff(deep[..., :2], 1, extra=2), "layout"),
        "odd/premultiplied.tif": (deep_tiff(deep, 2, extra=1), "premultiplied"),
        "odd/bad-checksum.png": (_flipped(saved(noisy, "PNG"), 5000), "truncated|damaged"),
    }


def _flipped(data, place):
    return data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]


def build(root, rng):
    """Write the whole corpus below `root`; returns the keys that must succeed, and those that must not and why."""
    good, bad = good_files(rng), bad_files(rng)
    for name, data in {**good, **{name: data for name, (data, _) in bad.items()}}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    links = root / "links"
    links.mkdir()
    (links / "to-file.png").symlink_to(root / "top.png")
    (links / "loop").symlink_to(root, target_is_directory=True)
    (links / "nowhere.png").symlink_to(root / "missing.png")
    (root / ".hidden.png").write_bytes(good["top.png"])
    (root / "Thumbs.db").write_bytes(b"cache")
    expected = {*good, "links/to-file.png"}
    reasons = {name: reason for name, (_, reason) in bad.items()} | {"links/nowhere.png": "leads nowhere"}
    return expected, reasons


def deep_tiff(samples, photometric, order="<", predictor=1, compression=1, rows=7, tile=0, orientation=1, extra=None):
    """A TIFF of 16 bits a sample written by hand: strips of some rows or square tiles, raw or deflated."""
    height, width, channels = samples.shape

    def packed(block):
        if predictor == 2:
            block = np.concatenate([block[:, :1], block[:, 1:] - block[:, :-1]], axis=1)
        raw = block.astype(order + "u2").tobytes()
        return zlib.compress(raw) if compression == 8 else raw

    if tile:
        full = np.zeros((-(-height // tile) * tile, -(-width // tile) * tile, channels), np.uint16)
        full[:height, :width] = samples
        corners = [(y, x) for y in range(0, full.shape[0], tile) for x in range(0, full.shape[1], tile)]
        blocks = [packed(full[y : y + tile, x : x + tile]) for y, x in corners]
    else:
        blocks = [packed(samples[y : y + rows]) for y in range(0, height, rows)]
    data, offsets = bytearray(b"\x00" * 8), []
    for block in blocks:
        offsets.append(len(data))
        data += block + b"\x00" * (len(block) % 2)
    tags = {256: (4, [width]), 257: (4, [height]), 258: (3, [16] * channels), 259: (3, [compression])}
    tags |= {262: (3, [photometric]), 274: (3, [orientation]), 277: (3, [channels]), 317: (3, [predictor])}
    sizes = [len(block) for block in blocks]
    if tile:
        tags |= {322: (4, [tile]), 323: (4, [tile]), 324: (4, offsets), 325: (4, sizes)}
    else:
        tags |= {273: (4, offsets), 278: (4, [rows]), 279: (4, sizes)}
    if extra is not None:
        tags[338] = (3, [extra])
    table = struct.pack(order + "H", len(tags))
    for tag, (kind, values) in sorted(tags.items()):
        body = struct.pack(f"{order}{len(values)}{'H' if kind == 3 else 'I'}", *values)
        if len(body) > 4:
            place = len(data)
            data += body + b"\x00" * (len(body) % 2)
            body = struct.pack(order + "I", place)
        table += struct.pack(order + "HHI", tag, kind, len(values)) + body.ljust(4, b"\x00")
    data[:8] = (b"II*\x00" if order == "<" else b"MM\x00*") + struct.pack(order + "I", len(data))
    return bytes(data + table + b"\x00" * 4)
