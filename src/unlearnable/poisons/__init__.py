"""Methods that craft a perturbation. Adding one is one file and one line in `POISONS`."""

from unlearnable._registry import Entry, Registry

POISONS = Registry(
    "poison",
    {
        "error-min": Entry(
            "unlearnable.poisons.error_min:ErrorMin",
            "error-minimizing noise: min over θ and over δ of the same loss (Huang et al. 2021)",
        ),
        "error-max": Entry(
            "unlearnable.poisons.error_max:ErrorMax",
            "error-maximizing noise on a trained surrogate, the paper's control",
        ),
        "random": Entry(
            "unlearnable.poisons.random:RandomNoise",
            "uniform random noise, the paper's control",
        ),
        "slots": Entry(
            "unlearnable.poisons.slots:SlotNoise",
            "noise for categories not known yet, searched on unlabelled photos: what packs hold",
        ),
    },
    group="unlearnable.poisons",
)
