import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearnable.packs import assign

names = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=20, unique=True)


@given(categories=names, key=st.binary(min_size=1), seed=st.randoms())
def test_slots_are_distinct_and_do_not_depend_on_the_order(categories: list[str], key: bytes, seed) -> None:
    codes = assign(categories, owner_key=key, slots=20)
    assert len(set(codes.values())) == len(categories)
    assert all(code >= 0 for code in codes.values())
    assert all(code < 20 for code in codes.values())
    mixed = list(categories)
    seed.shuffle(mixed)
    assert assign(mixed, owner_key=key, slots=20) == codes


def test_a_name_keeps_its_slot_in_every_run_of_one_owner() -> None:
    alone = assign(["me"], owner_key=b"key", slots=64)
    assert alone == {"me": 5}
    assert assign(["me"], owner_key=b"key", slots=64) == alone
    others = {assign(["me"], owner_key=bytes([number]), slots=64)["me"] for number in range(50)}
    assert len(others) > 20


def test_earlier_slots_are_kept() -> None:
    codes = assign(["a", "b", "c"], owner_key=b"x", slots=4, taken={"b": 2, "gone": 4})
    assert codes["b"] == 2
    assert {codes["a"] % 4, codes["c"] % 4} == {1, 3}


def test_more_categories_than_slots_share_slots_but_no_code() -> None:
    names = [str(number) for number in range(40)]
    codes = assign(names, owner_key=b"x", slots=5)
    assert sorted(codes.values()) == list(range(40))


def test_too_many_categories() -> None:
    with pytest.raises(ValueError, match=r"33 categories are more than the pack's 32 codes.*pack build --slots"):
        assign([str(number) for number in range(33)], owner_key=b"x", slots=4)
    with pytest.raises(ValueError, match="code 32"):
        assign(["a"], owner_key=b"x", slots=4, taken={"b": 32})


def test_a_name_that_is_not_utf8_has_a_slot() -> None:
    assert assign(["caf\udce9"], owner_key=b"x", slots=8)
