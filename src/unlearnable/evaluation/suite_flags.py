"""What is weak about a row of a benchmark, or about how it was measured."""

from collections.abc import Mapping, Sequence

from unlearnable._types import Parameters
from unlearnable.evaluation.flags import CLEAN_BASELINE, UNDERTRAINED, Flag
from unlearnable.evaluation.metrics import HELD, LEAST_TO_LEARN, WEAKENED, learned

CONTROL = "clean-part"
"""No countermeasure, but what `clean-mix` is compared with; it sees no protected image."""

BLENDS = ("cutmix", "mixup")
"""Countermeasures that train on blends of images, of which training accuracy says little, for records from before they
said so."""

LINEAR = "orthogonal-projection"
"""The countermeasure that takes out what a linear classifier on pixels sees."""

NAMED = 3
"""How many countermeasures a sentence names before it counts the others."""


def suite_flags(
    records: Sequence[Parameters], clean: Sequence[Parameters], *, chance: float, all_columns: Sequence[str]
) -> tuple[Flag, ...]:
    """Look for weaknesses in a poison's row of a benchmark, or of its measurement.

    Accuracies are means over seeds at the best epoch. A poison held where at most `HELD` of the countermeasure's clean
    ceiling above chance was learned, and fell where more than `WEAKENED` was.

    Args:
        records: all trials of the poison.
        clean: the trials on unprotected images; those of a column are its ceiling.
        chance: accuracy of a network that learned nothing, percent.
        all_columns: the columns that any row has.
    """
    mine, ceilings = _columns(records), _columns(clean)
    shares = {
        column: learned(_mean(found, "best"), _beside(found, ceilings[column]), chance)
        for column, found in mine.items()
        if column in ceilings and _beside(found, ceilings[column]) - chance >= LEAST_TO_LEARN
    }
    return (
        *_own_flags(mine, "train-test-overlap", "{sentence}"),
        *_clean_flags(ceilings, chance),
        *_fragile_flags(mine, shares),
        *_partial_flags(mine, ceilings),
        *_training_flags(mine),
        *_own_flags(mine, "batch-halved", "Under {columns}: {sentence}"),
        *_own_flags(mine, "restarted", "Under {columns}: {sentence}"),
        *_own_flags(mine, "learned-nothing", "Under {columns}: {sentence}"),
        *_own_flags(mine, "no-effect", "Under {columns}: {sentence}"),
        *_coverage_flags(mine, all_columns),
    )


def _clean_flags(ceilings: Mapping[str, Sequence[Parameters]], chance: float) -> list[Flag]:
    plain = _plain(ceilings)
    if plain is None:
        sentence = "No exploiter was trained on clean images as they are, so there is no ceiling to judge numbers by."
        return [Flag(name="clean-baseline-low", sentence=sentence)]
    best = _mean(ceilings[plain], "best")
    if best - chance < LEAST_TO_LEARN:
        sentence = (
            f"Even clean images teach this exploiter only {best:.1f} % (chance {chance:.1f} %), so low numbers show "
            "nothing."
        )
    elif best < CLEAN_BASELINE:
        sentence = (
            f"Clean images teach this exploiter {best:.1f} %: it is a weak one, and a stronger one might also learn "
            "more from protected images."
        )
    else:
        return []
    return [Flag(name="clean-baseline-low", sentence=sentence)]


def _fragile_flags(mine: Mapping[str, Sequence[Parameters]], shares: Mapping[str, float]) -> list[Flag]:
    plain = _plain(mine)
    if plain is None or shares.get(plain, 1.0) > HELD:
        return []
    flags = []
    for name, family, reason in (
        ("linearly-separable", LINEAR, "a linear classifier sees the perturbation, and it can be projected out"),
        ("jpeg-fragile", "jpeg", "saving as JPEG is enough to undo it"),
    ):
        fell = {
            column: share
            for column, share in shares.items()
            if mine[column][0]["countermeasure"].partition(":")[0] == family and share > WEAKENED
        }
        if fell:
            told = "; ".join(f"{100 * share:.0f} % under {column}" for column, share in fell.items())
            sentence = (
                f"Held against plain training, but {told} of what clean images teach there was learned (more than "
                f"{100 * WEAKENED:.0f} %): {reason}."
            )
            flags.append(Flag(name=name, sentence=sentence))
    return flags


def _partial_flags(
    mine: Mapping[str, Sequence[Parameters]], ceilings: Mapping[str, Sequence[Parameters]]
) -> list[Flag]:
    flags = []
    anyones = {**mine, **ceilings}  # training on the clean part alone is the same for every poison
    for found in mine.values():
        name, _, share = found[0]["countermeasure"].partition(":")
        if name != "clean-mix":
            continue
        control = [each for each in anyones.values() if each[0]["countermeasure"] == f"{CONTROL}:{share}"]
        mixed = _mean(found, "best")
        told = f"With {100 * float(share):.0f} % of the images unprotected, training on all of them gives {mixed:.1f} %"
        if control:
            alone = _mean(control[0], "best")
            sentence = (
                f"{told}, on the unprotected part alone {alone:.1f} %: the protected ones add {mixed - alone:+.1f} "
                "points. Where others do not protect, a network still learns."
            )
        else:
            sentence = f"{told}; clean-part:{share} was not run, so what the protected ones add is unknown."
        flags.append(Flag(name="partial-protection", sentence=sentence))
    return flags


def _training_flags(mine: Mapping[str, Sequence[Parameters]]) -> list[Flag]:
    flags = []
    reached = {column: _mean(found, "train_acc") for column, found in mine.items() if not _blends(found[0])}
    low = sorted((column for column in reached if reached[column] < UNDERTRAINED), key=lambda column: reached[column])
    if low:
        sentence = (
            f"Training accuracy stayed below {UNDERTRAINED:.0f} % in {len(low)} of {len(mine)} columns "
            f"({_listed([f'{column} {reached[column]:.0f} %' for column in low])}): longer training could change "
            "these numbers."
        )
        flags.append(Flag(name="undertrained", sentence=sentence))
    single = [column for column, found in mine.items() if len({record["seed"] for record in found}) < 2]
    if single:
        where = "Every number" if len(single) == len(mine) else f"Under {_listed(single)} the number"
        sentence = f"{where} is one training; another seed can differ by several points."
        flags.append(Flag(name="single-seed", sentence=sentence))
    return flags


def _blends(record: Parameters) -> bool:
    told: bool = record.get("blends", any(p.partition(":")[0] in BLENDS for p in record["countermeasure"].split("+")))
    return told


def _coverage_flags(mine: Mapping[str, Sequence[Parameters]], all_columns: Sequence[str]) -> list[Flag]:
    """List what was not run, or what was, whichever is shorter."""
    all_columns = [column for column in all_columns if not column.startswith(CONTROL)]
    missing = [column for column in all_columns if column not in mine]
    if not missing:
        return []
    those = [column for column in all_columns if column in mine]
    which = f": {'; '.join(missing)}" if len(missing) <= len(those) else f", only {'; '.join(those)}"
    sentence = (
        f"{len(missing)} of {len(all_columns)} countermeasures were not run{which}. The worst case covers only what "
        "was run."
    )
    return [Flag(name="countermeasure-not-run", sentence=sentence)]


def _own_flags(mine: Mapping[str, Sequence[Parameters]], name: str, form: str) -> list[Flag]:
    """Pass on what trials said of themselves, each sentence once."""
    said: dict[str, list[str]] = {}
    for column, found in mine.items():
        for record in found:
            for flag in record["flags"]:
                if flag["name"] == name and column not in said.setdefault(flag["sentence"], []):
                    said[flag["sentence"]].append(column)
    return [
        Flag(name=name, sentence=form.format(sentence=sentence, columns=_listed(columns)))
        for sentence, columns in said.items()
    ]


def _columns(records: Sequence[Parameters]) -> dict[str, list[Parameters]]:
    columns: dict[str, list[Parameters]] = {}
    for record in records:
        columns.setdefault(record["column"], []).append(record)
    return columns


def _plain(columns: Mapping[str, Sequence[Parameters]]) -> str | None:
    found = [column for column, records in columns.items() if records[0]["countermeasure"] == "none"]
    return "none" if "none" in found else next(iter(found), None)


def _mean(records: Sequence[Parameters], what: str) -> float:
    return sum(float(record[what]) for record in records) / len(records)


def _beside(found: Sequence[Parameters], clean: Sequence[Parameters]) -> float:
    """Return what clean images teach with the same seeds, or with all where none is shared."""
    seeds = {record["seed"] for record in found}
    return _mean([record for record in clean if record["seed"] in seeds] or clean, "best")


def _listed(names: Sequence[str]) -> str:
    """Name the first few, and count the rest; a name may have a comma in it."""
    more = len(names) - NAMED
    return "; ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
