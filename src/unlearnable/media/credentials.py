"""Content Credentials (C2PA): a signed request not to train, and an honest word that noise was added."""

import io
import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from unlearnable._extras import require
from unlearnable.media.picture import Refused

MIME = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "AVIF": "image/avif",
    "TIFF": "image/tiff",
    "HEIF": "image/heic",
}
ENTRIES = ("ai_inference", "ai_generative_training", "ai_training", "data_mining")
PURPOSE = "sign Content Credentials"
SETTINGS = {"builder": {"thumbnail": {"enabled": False}}}
"""No thumbnails: larger than many photos, and the photo is there itself."""


@dataclass(frozen=True, kw_only=True)
class Signer:
    """Who signs: a certificate chain and its private key, both PEM; nothing of them is stored or sent.

    Args:
        cert: the signer's certificate first, then those that vouch for it.
        key: ECDSA P-256 or P-384, RSA, or Ed25519, without a password.

    Raises:
        ValueError: a file cannot be read or is no such thing, in one sentence.
        MissingExtraError: the package for it is not installed.
    """

    cert: bytes
    key: bytes

    def __post_init__(self) -> None:
        self.algorithm()
        if b"BEGIN CERTIFICATE" not in self.cert:
            raise ValueError("the C2PA certificate is no PEM file: it has no line BEGIN CERTIFICATE")

    @classmethod
    def load(cls, cert: Path, key: Path) -> "Signer":
        """Read both files."""
        try:
            return cls(cert=cert.read_bytes(), key=key.read_bytes())
        except OSError as error:
            raise ValueError(f"{error.filename} cannot be read: {error.strerror}") from error

    def algorithm(self) -> str:
        """Return the name of the signature algorithm that the key is for."""
        require("c2pa", "c2pa", PURPOSE)
        require("cryptography", "c2pa", PURPOSE)
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            key = load_pem_private_key(self.key, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise ValueError("the C2PA key is no PEM private key without a password") from error
        if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in ("secp256r1", "secp384r1"):
            return "es256" if key.curve.name == "secp256r1" else "es384"
        if isinstance(key, rsa.RSAPrivateKey):
            return "ps256"
        if isinstance(key, ed25519.Ed25519PrivateKey):
            return "ed25519"
        raise ValueError("the C2PA key must be ECDSA P-256 or P-384, RSA, or Ed25519")

    def sign(self, data: bytes, kind: str) -> bytes:
        """Return the file with a manifest: noise was added, and nobody may train on it (CAWG training and data mining).

        No time stamp is fetched: nothing leaves this computer.

        Args:
            data: a whole file as it is published.
            kind: its format, such as JPEG.

        Raises:
            Refused: it cannot be signed.
        """
        c2pa = require("c2pa", "c2pa", PURPOSE)
        training = {f"cawg.{name}": {"use": "notAllowed"} for name in ENTRIES}
        manifest = {
            "claim_generator_info": [{"name": "unlearnable", "version": version("unlearnable")}],
            "assertions": [{"label": "cawg.training-mining", "data": {"entries": training}}],
        }
        edited = {"action": "c2pa.edited", "description": "noise was added that makes the picture hard to learn from"}
        signed = io.BytesIO()
        try:
            info = c2pa.C2paSignerInfo(self.algorithm().encode(), self.cert, self.key, None)
            builder = c2pa.Builder(json.dumps(manifest), c2pa.Context(settings=c2pa.Settings.from_dict(SETTINGS)))
            builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
            builder.add_action(json.dumps(edited))
            builder.sign(c2pa.Signer.from_info(info), MIME[kind], io.BytesIO(data), signed)
        except (c2pa.C2paError, KeyError) as error:
            said = " ".join(str(error).split())[:120]
            raise Refused(f"Content Credentials could not be signed into this {kind} ({said})") from error
        return signed.getvalue()


@dataclass(frozen=True, kw_only=True)
class Signed:
    """What a file's Content Credentials say.

    Args:
        by: the name in the signer's certificate.
        valid: whether the file is as it was signed.
        trusted: whether the signer is on a list that the reader trusts.
        prohibits: uses that are not allowed, such as `ai_training`.
    """

    by: str
    valid: bool
    trusted: bool
    prohibits: tuple[str, ...]


def read_credentials(data: bytes, kind: str) -> Signed | None:
    """Return what a file's Content Credentials say; None if it has none.

    Raises:
        MissingExtraError: the package for it is not installed.
    """
    c2pa = require("c2pa", "c2pa", "read Content Credentials")
    try:
        reader = c2pa.Reader(MIME.get(kind, ""), io.BytesIO(data))
        found: dict[str, Any] = json.loads(reader.json())
    except c2pa.C2paError:
        return None
    manifest = found["manifests"][found["active_manifest"]]
    codes = {each["code"] for each in found.get("validation_status", [])}
    prohibits: list[str] = []
    for assertion in manifest.get("assertions", []):
        if assertion["label"] in ("cawg.training-mining", "c2pa.training-mining"):
            entries = assertion["data"].get("entries", {})
            prohibits += [name.partition(".")[2] for name, each in entries.items() if each.get("use") == "notAllowed"]
    return Signed(
        by=str(manifest.get("signature_info", {}).get("issuer", "unknown")),
        valid=not codes - {"signingCredential.untrusted"},
        trusted="signingCredential.untrusted" not in codes,
        prohibits=tuple(sorted(set(prohibits))),
    )
