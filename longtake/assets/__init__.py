"""Put what the provider reads into the store, and give it to the provider as URLs."""

from longtake.assets.assets import Assets, can_hand_on, can_host, needs_host, remember_frame
from longtake.assets.sources import read_inputs

__all__ = ["Assets", "can_hand_on", "can_host", "needs_host", "read_inputs", "remember_frame"]
