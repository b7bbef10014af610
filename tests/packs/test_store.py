import errno
from pathlib import Path

import numpy as np
import pytest

from unlearnable.budget import Budget
from unlearnable.packs import PackError, bundled, load_pack, noise_of, save_pack
from unlearnable.perturbation import Additive, _stored


def noise(scope: str = "class-wise", channels: int = 3) -> Additive:
    bank = np.random.default_rng(0).integers(-8, 9, (4, channels, 8, 8)).astype(np.int8)
    names = tuple(f"slot-{row:02d}" for row in range(4))
    return Additive(bank=bank, scope=scope, index=names, budget=Budget(epsilon=8), method="slots")


def test_the_bundled_pack_is_there_and_useful() -> None:
    assert "photos-64" in bundled()
    pack = load_pack("photos-64")
    assert pack.slots >= 64
    assert pack.codes == 8 * pack.slots
    assert pack.noise.bank.shape[1:] == (4, 64, 64)
    assert pack.noise.budget == Budget(epsilon=8)
    assert (np.abs(pack.noise.bank.astype(int)).mean((0, 2, 3)) > 2).all()
    assert "CC BY" in pack.licence
    flat = pack.noise.bank.reshape(pack.slots, -1).astype(float)
    alike = np.corrcoef(flat) - np.eye(pack.slots)
    assert np.abs(alike).max() < 0.9


def test_save_and_load(tmp_path: Path) -> None:
    file = tmp_path / "mine.safetensors"
    save_pack(file, noise(), source="my photos", licence="CC0")
    pack = load_pack(str(file))
    assert (pack.name, pack.source, pack.licence, pack.slots) == ("mine", "my photos", "CC0", 4)
    assert (noise_of(pack, 3) == noise().bank[3]).all()
    with pytest.raises(PackError, match=r"codes 0\.\.31; got 32"):
        noise_of(pack, 32)


def test_noise_for_photos_without_colour_is_a_fourth_channel(tmp_path: Path) -> None:
    file = tmp_path / "mine.safetensors"
    grey = noise(channels=1)
    save_pack(file, noise(), source="", licence="", grey=grey)
    pack = load_pack(file)
    assert (pack.noise.bank[:, 3] == grey.bank[:, 0]).all()
    assert (noise_of(pack, 3)[3] == grey.bank[3, 0]).all()
    assert '"method": "slots"' in pack.noise.notes["grey"]
    with pytest.raises(PackError, match="slots and size and one channel"):
        save_pack(file, noise(), source="", licence="", grey=noise())


def test_every_code_has_noise_of_its_own_that_its_mirror_image_is_not(tmp_path: Path) -> None:
    save_pack(tmp_path / "mine.safetensors", noise(), source="", licence="")
    pack = load_pack(tmp_path / "mine.safetensors")
    every = [noise_of(pack, code) for code in range(pack.codes)]
    seen = {plane.tobytes() for each in every for plane in (each, np.ascontiguousarray(each[:, :, ::-1]))}
    assert len(seen) == 2 * pack.codes
    for code, each in enumerate(every):
        assert np.abs(each).max() == np.abs(noise().bank[code % 4]).max()


def test_a_pack_that_may_not_be_read_is_not_called_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*arguments: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    save_pack(tmp_path / "mine.safetensors", noise(), source="", licence="")
    monkeypatch.setattr(_stored, "safe_open", denied)
    with pytest.raises(PackError, match=r"mine\.safetensors cannot be read: Permission denied"):
        load_pack(tmp_path / "mine.safetensors")


def test_what_is_not_a_pack_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="did you mean photos-64"):
        load_pack("photo-64")
    with pytest.raises(PackError, match="there is no perturbation file"):
        load_pack(tmp_path / "absent.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"no")
    with pytest.raises(PackError, match="damaged"):
        load_pack(tmp_path / "broken.safetensors")
    noise(channels=1).save(tmp_path / "grey.safetensors")
    with pytest.raises(PackError, match="not a pack"):
        load_pack(tmp_path / "grey.safetensors")
    with pytest.raises(PackError, match="not a pack"):
        save_pack(tmp_path / "x.safetensors", noise("sample-wise"), source="", licence="")
