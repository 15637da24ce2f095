"""Scenes of a film made by flow runs of their own."""
