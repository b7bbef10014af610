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
            "uniform random noise, the paper's control; class-wise the random noise of Tao et al. 2021",
        ),
        "pil": Entry(
            "unlearnable.poisons.induced_linearity:InducedLinearity",
            "what a linear network reads as the label; seconds, no deep surrogate (Liu et al. 2026, PIL)",
        ),
        "lsp": Entry(
            "unlearnable.poisons.linearly_separable:LinearlySeparable",
            "random flat patches that a linear classifier tells apart; no search (Yu et al. 2022)",
        ),
        "autoregressive": Entry(
            "unlearnable.poisons.autoregressive:Autoregressive",
            "each value a fixed combination of its neighbours; no search (Sandoval-Segura et al. 2022)",
        ),
        "one-pixel": Entry(
            "unlearnable.poisons.one_pixel:OnePixel",
            "one pixel of each image gets its class's colour (Wu et al. 2023)",
        ),
        "error-min-one-pixel": Entry(
            "unlearnable.poisons.error_min_one_pixel:ErrorMinOnePixel",
            "error-minimizing noise and one pixel on top (Wu et al. 2023, CIFAR-10-S)",
        ),
        "convolution": Entry(
            "unlearnable.poisons.convolution:Convolution",
            "a random blur for each class; visible (Sadasivan et al. 2023, CUDA)",
        ),
        "targeted": Entry(
            "unlearnable.poisons.targeted:Targeted",
            "what a trained network takes for the next class (Fowl et al. 2021, TAP)",
        ),
        "self-ensemble": Entry(
            "unlearnable.poisons.self_ensemble:SelfEnsemble",
            "another class's features at many moments of one training (Chen et al. 2023, SEP)",
        ),
        "hypocritical": Entry(
            "unlearnable.poisons.hypocritical:Hypocritical",
            "what a slightly robust network finds easier than it is (Tao et al. 2022)",
        ),
        "entangled": Entry(
            "unlearnable.poisons.entangled:Entangled",
            "robust features pushed away from their class (Wen et al. 2023, EntF)",
        ),
        "robust-error-min": Entry(
            "unlearnable.poisons.robust_error_min:RobustErrorMin",
            "error-min that holds at the worst image nearby; dear (Fu et al. 2022, REM)",
        ),
        "stable-error-min": Entry(
            "unlearnable.poisons.stable_error_min:StableErrorMin",
            "error-min for robust networks, stable under random noise (Liu et al. 2024, SEM)",
        ),
        "gray-augmented": Entry(
            "unlearnable.poisons.gray_augmented:GrayAugmented",
            "error-min searched in grey as well (Liu et al. 2021)",
        ),
        "mutual-information": Entry(
            "unlearnable.poisons.mutual_information:MutualInformation",
            "pulls the features of a class together (Zhu et al. 2026, MI-UE)",
        ),
        "augmented-error-min": Entry(
            "unlearnable.poisons.augmented_error_min:AugmentedErrorMin",
            "error-min through contrastive views, against learning without labels too (Wang et al. 2024, AUE)",
        ),
        "contrastive": Entry(
            "unlearnable.poisons.contrastive:Contrastive",
            "small contrastive loss, against learning without labels (He et al. 2023, CP)",
        ),
        "transferable": Entry(
            "unlearnable.poisons.transferable:Transferable",
            "noise that clusters by class, and a small contrastive loss if asked (Ren et al. 2023, TUE)",
        ),
        "clusters": Entry(
            "unlearnable.poisons.clusters:Clusters",
            "noise per cluster of images, for data without labels (Zhang et al. 2023, UC)",
        ),
        "neural-tangent": Entry(
            "unlearnable.poisons.neural_tangent:NeuralTangent",
            "against the limit of all wide networks, no training (Yuan and Wu 2021, NTGA)",
        ),
        "pretrained-aware": Entry(
            "unlearnable.poisons.pretrained_aware:PretrainedAware",
            "turns images of other classes into its own for a trained network (Li et al. 2026, BAIT)",
        ),
        "generator": Entry(
            "unlearnable.poisons.generator:GeneratorNoise",
            "a network that guesses which pattern an image needs, taught by a game (Liu et al. 2024, GUE)",
        ),
        "deep-confuse": Entry(
            "unlearnable.poisons.deep_confuse:DeepConfuse",
            "the same, taught by what one step of learning from its noise does (Feng et al. 2019)",
        ),
        "resilient-targeted": Entry(
            "unlearnable.poisons.resilient_targeted:ResilientTargeted",
            "targeted noise searched through JPEG, grey and half the size (ours)",
        ),
        "resilient-error-min": Entry(
            "unlearnable.poisons.resilient_error_min:ResilientErrorMin",
            "error-min searched through JPEG, grey and blur (ours)",
        ),
        "pattern-error-min": Entry(
            "unlearnable.poisons.pattern_error_min:PatternErrorMin",
            "error-min patterns on a patch, or several per class",
        ),
        "paired-error-min": Entry(
            "unlearnable.poisons.paired_error_min:PairedErrorMin",
            "class patterns with a random sign for each image, searched through JPEG and grey (ours)",
        ),
        "slots": Entry(
            "unlearnable.poisons.slots:SlotNoise",
            "noise for categories not known yet, searched on unlabelled photos: what packs hold",
        ),
    },
    group="unlearnable.poisons",
)
