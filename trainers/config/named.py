"""Recipes by name: those that come with the project, and functions of a reader's files."""

from __future__ import annotations

from collections.abc import Callable

from rsp_lab.models.functions import called, function_file, names_a_function
from trainers.config.makes import MAKES
from trainers.config.panoptic import COCO_RECIPES, SCENES_RECIPES
from trainers.config.paper import PAPER_RECIPES
from trainers.config.recipes import RECIPES
from trainers.config.run import RunConfig

ALL_RECIPES = RECIPES | MAKES | SCENES_RECIPES | PAPER_RECIPES | COCO_RECIPES


def recipe_named(name: str) -> Callable[[], RunConfig]:
    """A recipe by its name, or ``FILE.py:function``, **which runs the file**.

    Raises:
        ValueError: if there is none, or the function answers something else.
    """
    if names_a_function(name):
        return _own(name)
    if name not in ALL_RECIPES:
        raise ValueError(
            f"{name!r} is no recipe; expected FILE.py:function for one of your own, or one of {', '.join(ALL_RECIPES)}."
        )
    return ALL_RECIPES[name]


def _own(name: str) -> Callable[[], RunConfig]:
    config, function = called(name), name.rpartition(":")[2]
    if not isinstance(config, RunConfig):
        raise ValueError(
            f"{function} of {function_file(name)} answers a {type(config).__name__}, expected a recipe: a "
            "trainers.config.run.RunConfig."
        )

    def recipe() -> RunConfig:
        return config

    recipe.__name__, recipe.__doc__ = function, f"The recipe {function} of {function_file(name)}."
    return recipe
