"""Credentials and places, as Prefect blocks. Registered through the entry point `prefect.collections`."""

from longtake.blocks.reapi import ReapiCredentials
from longtake.blocks.store import ArtifactStore

__all__ = ["ArtifactStore", "ReapiCredentials"]
