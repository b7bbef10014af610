"""BibTeX of papers that more than one method comes from."""

HUANG_2021 = """@inproceedings{huang2021unlearnable,
  title = {Unlearnable Examples: Making Personal Data Unexploitable},
  author = {Huang, Hanxun and Ma, Xingjun and Erfani, Sarah Monazam and Bailey, James and Wang, Yisen},
  booktitle = {ICLR},
  year = {2021}
}"""

TAO_2021 = """@inproceedings{tao2021better,
  title = {Better Safe Than Sorry: Preventing Delusive Adversaries with Adversarial Training},
  author = {Tao, Lue and Feng, Lei and Yi, Jinfeng and Huang, Sheng-Jun and Chen, Songcan},
  booktitle = {NeurIPS},
  year = {2021}
}"""

WU_2023 = """@inproceedings{wu2023onepixel,
  title = {One-Pixel Shortcut: On the Learning Preference of Deep Neural Networks},
  author = {Wu, Shutong and Chen, Sizhe and Xie, Cihang and Huang, Xiaolin},
  booktitle = {ICLR},
  year = {2023}
}"""
