"""Photo files to pixels and back, noise laid over them, and what is measured afterwards. Knows nothing of learning."""

from unlearnable.media.credentials import Signed, Signer, read_credentials
from unlearnable.media.decode import decode, refusal
from unlearnable.media.encode import encode, output_format, unheld
from unlearnable.media.heif import START
from unlearnable.media.measure import Measurement, measure, ssim
from unlearnable.media.optout import VALUES as OPTOUT_VALUES
from unlearnable.media.optout import OptOut, meaning, read_optout, with_optout
from unlearnable.media.pattern import Pattern, add, fit
from unlearnable.media.picture import (
    FORMAT_SUFFIXES,
    Encoding,
    Format,
    Metadata,
    Mode,
    Picture,
    Refused,
    Target,
    is_grey,
    same_alpha,
)

__all__ = [
    "FORMAT_SUFFIXES",
    "OPTOUT_VALUES",
    "START",
    "Encoding",
    "Format",
    "Measurement",
    "Metadata",
    "Mode",
    "OptOut",
    "Pattern",
    "Picture",
    "Refused",
    "Signed",
    "Signer",
    "Target",
    "add",
    "decode",
    "encode",
    "fit",
    "is_grey",
    "meaning",
    "measure",
    "output_format",
    "read_credentials",
    "read_optout",
    "refusal",
    "same_alpha",
    "ssim",
    "unheld",
    "with_optout",
]
