"""One HTTP client for what tests ask of servers of their own: with one for each question, most time would go into TLS."""

from __future__ import annotations

import httpx

http = httpx.Client(trust_env=False, timeout=60, limits=httpx.Limits(max_keepalive_connections=0))
"""Keeps no connection, so that no server has to wait for it to end."""
