"""Credentials and places, as Prefect blocks. Registered through the entry point `prefect.collections`."""

from blocks.reapi import ReapiCredentials
from blocks.store import ArtifactStore

__all__ = ["ArtifactStore", "ReapiCredentials"]
