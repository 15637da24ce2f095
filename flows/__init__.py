"""What a deployment runs: one flow per file."""

from longtake.flows.books import books
from longtake.flows.film import film
from longtake.flows.film_set import film_set
from longtake.flows.reconcile import reconcile
from longtake.flows.scene import scene
from longtake.flows.storyboard import storyboard

__all__ = ["books", "film", "film_set", "reconcile", "scene", "storyboard"]
