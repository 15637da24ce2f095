"""Measure clips: findings, tone, drift, seams."""
