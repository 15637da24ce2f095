"""One film out of many clips: the plan, the cuts, the muxer."""
