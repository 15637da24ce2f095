"""What a deployment runs."""

from longtake.flows.reconcile import reconcile
from longtake.flows.scene import scene
from longtake.flows.storyboard import storyboard
from longtake.prefect.parameters import FilmRun, SceneRun

__all__ = ["FilmRun", "SceneRun", "reconcile", "scene", "storyboard"]
