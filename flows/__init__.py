"""What a deployment runs."""

from flows.reconcile import reconcile
from flows.storyboard import storyboard

__all__ = ["reconcile", "storyboard"]
