"""What a deployment runs."""

from flows.form import FilmRun
from flows.reconcile import reconcile
from flows.scene import SceneRun, scene
from flows.storyboard import storyboard

__all__ = ["FilmRun", "SceneRun", "reconcile", "scene", "storyboard"]
