"""What the paper reports, in percent of the clean test images; ResNet-18 unless said.

POSTER: the author's poster. CODE: the log stored in the released notebook. REVIEW: quoted in an ICLR review of another
paper. ISSUE: the author's answer in the released code's issue tracker. PLOT: read off the figure.
"""

POSTER, CODE, REVIEW, ISSUE, PLOT = "poster", "released notebook", "a review", "issue tracker", "plot"

FIGURE1 = {
    "clean": 94.95,
    "random, sample-wise": 94,
    "error-max, sample-wise": 92,
    "error-min, sample-wise": 19.93,
    "random, class-wise": 11,
    "error-max, class-wise": 17,
    "error-min, class-wise": 16.42,
}
"""Last epoch of 60; clean and error-min from Table 1 (POSTER), the others PLOT."""

TABLE1 = {
    ("CIFAR-10", "VGG-11"): (91.27, 16.93, 29.00),
    ("CIFAR-10", "ResNet-18"): (94.77, 16.42, 19.93),
    ("CIFAR-10", "ResNet-50"): (94.42, 13.45, 18.89),
    ("CIFAR-10", "DenseNet-121"): (95.04, 14.71, 20.25),
    ("CIFAR-100", "VGG-11"): (67.67, 7.13, 17.71),
    ("CIFAR-100", "ResNet-18"): (70.96, 3.95, 14.81),
    ("CIFAR-100", "ResNet-50"): (71.32, 3.80, 12.19),
    ("CIFAR-100", "DenseNet-121"): (74.15, 4.75, 13.71),
    ("photos", "VGG-11"): (48.66, 2.30, 11.38),
    ("photos", "ResNet-18"): (60.42, 2.70, 12.20),
    ("photos", "ResNet-50"): (61.58, 2.70, 11.12),
    ("photos", "DenseNet-121"): (63.76, 3.28, 15.44),
}
"""Clean, class-wise, sample-wise: POSTER. The paper's CIFAR-100 is whole, its photos are 100 classes of ImageNet."""

AUGMENTATIONS = {
    ("error-min, sample-wise", "cutout:0.5"): 19.30,
    ("error-min, sample-wise", "mixup:1"): 58.51,
    ("error-min, sample-wise", "cutmix:1"): 22.40,
    ("error-min, sample-wise", "randaugment:9"): 42.70,
    ("error-min, class-wise", "cutout:0.5"): 14.62,
    ("error-min, class-wise", "mixup:1"): 17.63,
    ("error-min, class-wise", "cutmix:1"): 16.19,
    ("error-min, class-wise", "randaugment:9"): 22.89,
}
"""Its strong augmentation is Fast AutoAugment; ours is RandAugment: POSTER."""

PERCENTAGE = {"0": 94.95, "60": 91.90, "80": 86.85, "100": 19.93}
"""Protected and clean together; 60 and 80: REVIEW, the others POSTER."""

CLEAN_PART = {"60": 89.77}
"""The clean part alone: REVIEW."""

FACES_AUC = (0.9975, 0.5321)
"""Verification before and after: POSTER."""
