"""Content Credentials, signed with certificates that these tests make."""

import datetime
import io
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unlearnable import media
from unlearnable.cli._app import run
from unlearnable.jobs.owner import OWNER_KEY
from unlearnable.media import Refused, Signer, read_credentials
from unlearnable.media.credentials import ENTRIES
from unlearnable.media.heif import readable
from unlearnable.protect import check, ledger

pytest.importorskip("c2pa", reason="pip install 'unlearnable[c2pa]'")
x509 = pytest.importorskip("cryptography.x509")


def chain(folder: Path, *, curve: str = "secp256r1", own: bool = False) -> tuple[Path, Path]:
    """Make a certificate of Ann, signed by a root of ours (or by herself), and her key."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def name(common: str) -> x509.Name:
        kinds = (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
        return x509.Name([x509.NameAttribute(kind, common) for kind in kinds])

    def usage(*, ca: bool) -> x509.KeyUsage:
        return x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False)

    root_key = ec.generate_private_key(ec.SECP256R1())
    curves = {"secp256r1": ec.SECP256R1(), "secp384r1": ec.SECP384R1(), "secp256k1": ec.SECP256K1()}
    key = ed25519.Ed25519PrivateKey.generate() if curve == "ed25519" else ec.generate_private_key(curves[curve])
    now = datetime.datetime.now(datetime.UTC)

    def made(subject: str, issuer: str, public, signing, number: int, *, ca: bool):  # type: ignore[no-untyped-def]
        build = x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer)).public_key(public)
        build = build.serial_number(number).not_valid_before(now - datetime.timedelta(days=1))
        build = build.not_valid_after(now + datetime.timedelta(days=9))
        build = build.add_extension(x509.BasicConstraints(ca=ca, path_length=None), True)
        build = build.add_extension(usage(ca=ca), True)
        if not ca:
            build = build.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
            authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key())
            build = build.add_extension(authority, False)
        build = build.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
        return build.sign(signing, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    if own:
        certs = made("Ann", "Ann", key.public_key(), key, 2, ca=False)
    else:
        certs = made("Ann", "Our root", key.public_key(), root_key, 2, ca=False)
        certs += made("Our root", "Our root", root_key.public_key(), root_key, 1, ca=True)
    (folder / "cert.pem").write_bytes(certs)
    kind = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(secret)
    return folder / "cert.pem", folder / "key.pem"


def encoded(kind: str) -> bytes:
    pixels = np.random.default_rng(0).integers(60, 190, (48, 48, 3), dtype=np.uint8)
    assert readable()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "HEIF"])
def test_every_file_type_is_signed_and_shows_the_same_picture(kind: str, tmp_path: Path) -> None:
    signer = Signer.load(*chain(tmp_path))
    before = encoded(kind)
    after = signer.sign(before, kind)
    assert len(after) < len(before) + 30_000, "no thumbnails"
    found = read_credentials(after, kind)
    assert found is not None
    assert (found.by, found.valid, found.trusted) == ("Ann", True, False)
    assert set(found.prohibits) == set(ENTRIES)
    assert np.array_equal(media.decode(after).pixels, media.decode(before).pixels)
    assert read_credentials(before, kind) is None
    assert any("Content Credentials" in note for note in media.decode(after).notes)
    assert not media.decode(before).notes


@pytest.mark.parametrize("curve", ["secp384r1", "ed25519"])
def test_other_keys_sign_too(curve: str, tmp_path: Path) -> None:
    found = read_credentials(Signer.load(*chain(tmp_path, curve=curve)).sign(encoded("PNG"), "PNG"), "PNG")
    assert found is not None
    assert found.valid


def test_a_changed_file_is_no_longer_valid(tmp_path: Path) -> None:
    signed = bytearray(Signer.load(*chain(tmp_path)).sign(encoded("JPEG"), "JPEG"))
    signed[-40] ^= 1
    found = read_credentials(bytes(signed), "JPEG")
    assert found is not None
    assert not found.valid


def test_who_vouches_for_himself_is_untrusted_or_refused_in_one_sentence(tmp_path: Path) -> None:
    signer = Signer.load(*chain(tmp_path, own=True))
    found = None
    with suppress(Refused):
        found = read_credentials(signer.sign(encoded("JPEG"), "JPEG"), "JPEG")
    assert found is None or not found.trusted


def test_wrong_files_are_one_sentence(tmp_path: Path) -> None:
    cert, key = chain(tmp_path)
    with pytest.raises(ValueError, match="no PEM private key"):
        Signer.load(cert, cert)
    with pytest.raises(ValueError, match="no line BEGIN CERTIFICATE"):
        Signer.load(key, key)
    with pytest.raises(ValueError, match="gone.pem cannot be read"):
        Signer.load(tmp_path / "gone.pem", key)
    (tmp_path / "odd").mkdir()
    with pytest.raises(ValueError, match="must be ECDSA P-256"):
        Signer.load(*chain(tmp_path / "odd", curve="secp256k1"))
    (tmp_path / "other").mkdir()
    stranger = Signer.load(cert, chain(tmp_path / "other")[1])
    found = None
    with suppress(Refused):
        found = read_credentials(stranger.sign(encoded("PNG"), "PNG"), "PNG")
    assert found is None or not found.valid, "a key that is not the certificate's convinces nobody"


def test_protect_signs_last_and_what_is_written_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(OWNER_KEY, "test")
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name, kind in (("a.jpg", "JPEG"), ("b.png", "PNG")):
        (folder / name).write_bytes(encoded(kind))
    cert, key = chain(tmp_path)
    command = ["protect", str(folder), "-o", str(out), "--optout", "ai", "-q"]
    assert run([*command, "--c2pa-cert", str(cert)]) == 2
    assert "both --c2pa-cert and --c2pa-key" in capsys.readouterr().err
    signing = ["--c2pa-cert", str(cert), "--c2pa-key", str(key)]
    assert run([*command, *signing]) == 0
    assert check(folder, out).exit_code == 0
    entry = ledger.read(out)["a.jpg"]
    assert "signed_by" in entry.parameters
    assert b"PRIVATE KEY" not in (out / "manifest.jsonl").read_bytes()
    written = (out / "b.png").read_bytes()
    assert run([*command, *signing]) == 0
    assert (out / "b.png").read_bytes() == written, "a second run signs nothing again"
    capsys.readouterr()
    assert run(["optout", "read", str(out / "a.jpg"), str(out / "b.png")]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("signed by Ann (untrusted) prohibit ai_generative_training") == 2
    assert said.count("prohibits training AI or machine learning") == 2


def test_without_the_package_there_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    signer = Signer.load(*chain(tmp_path))
    monkeypatch.setitem(sys.modules, "c2pa", None)
    with pytest.raises(ImportError, match=r"unlearnable\[c2pa\]"):
        replace(signer)
