"""The cluster, for the tests of this folder."""

from __future__ import annotations

from cluster import cluster

__all__ = ["cluster"]
