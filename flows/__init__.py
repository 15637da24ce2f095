"""What a deployment runs."""

from flows.form import FilmRun
from flows.reconcile import reconcile
from flows.storyboard import storyboard

__all__ = ["FilmRun", "reconcile", "storyboard"]
