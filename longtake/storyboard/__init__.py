"""The file a person writes: a film as scenes of shots. Reading it names every mistake with its line, all at once."""

from longtake.storyboard.chains import cycles, parents, places
from longtake.storyboard.checks import listed
from longtake.storyboard.loaded import Loaded, Place
from longtake.storyboard.loading import LARGEST, draft, draft_text, load, parse
from longtake.storyboard.models import (
    Approval,
    Follow,
    Generation,
    Match,
    Pick,
    Scene,
    Shot,
    Sound,
    Storyboard,
    Transition,
    slug,
)
from longtake.storyboard.problem import Problem, failure, quoted
from longtake.storyboard.schema import json_schema
from longtake.storyboard.starter import starter

__all__ = [
    "LARGEST",
    "Approval",
    "Follow",
    "Generation",
    "Loaded",
    "Match",
    "Pick",
    "Place",
    "Problem",
    "Scene",
    "Shot",
    "Sound",
    "Storyboard",
    "Transition",
    "cycles",
    "draft",
    "draft_text",
    "failure",
    "json_schema",
    "listed",
    "load",
    "parents",
    "parse",
    "places",
    "quoted",
    "slug",
    "starter",
]
