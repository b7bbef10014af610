"""The optimiser of a recipe, and its learning rate at each step."""

import torch
from torch import nn

from unlearnable.training.recipes import Recipe
from unlearnable.training.schedules import rate_factor


def sgd(model: nn.Module, recipe: Recipe) -> torch.optim.SGD:
    """Return the optimiser of a recipe; biases of batch norm take steps of their own size and no more decay for it."""
    norms = {
        id(module.bias) for module in model.modules() if isinstance(module, nn.BatchNorm2d) and module.bias is not None
    }
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return torch.optim.SGD(
        [
            {"params": [each for each in trained if id(each) not in norms], "factor": 1.0},
            {
                "params": [each for each in trained if id(each) in norms],
                "factor": recipe.norm_bias_rate,
                "weight_decay": recipe.weight_decay / recipe.norm_bias_rate,
            },
        ],
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
        weight_decay=recipe.weight_decay,
    )


def set_rate(optimiser: torch.optim.SGD, recipe: Recipe, step: int, steps: int) -> None:
    """Set the learning rate of step `step` of `steps`, from 0, by the recipe's schedule."""
    factor = rate_factor(recipe.schedule, step, steps)
    for group in optimiser.param_groups:
        group["lr"] = recipe.learning_rate * group["factor"] * factor
