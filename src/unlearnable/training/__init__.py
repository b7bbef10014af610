"""How an exploiter trains: recipes and the one training loop."""

from unlearnable.training.fit import Epoch, History, TrainingDivergedError, fit
from unlearnable.training.recipes import RECIPES, Recipe, recipe

__all__ = ["RECIPES", "Epoch", "History", "Recipe", "TrainingDivergedError", "fit", "recipe"]
