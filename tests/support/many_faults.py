"""Every fault that a provider has, and how often each strikes, for soaks."""

from __future__ import annotations

SUBMIT = {
    "429": 0.02, "500": 0.01, "503-before": 0.01, "drop-before": 0.01, "redirect": 0.01, "refuse-30002": 0.02,
    "500-after": 0.01, "drop-after": 0.015, "stall": 0.01, "garbage": 0.01, "html": 0.01, "no-id": 0.01, "same-id": 0.015,
    "fail-80003": 0.05, "fail-80006": 0.015, "fail-80007": 0.02, "no-refund": 0.03, "slow": 0.03, "no-last-frame": 0.03,
    "no-usage": 0.05, "black": 0.015, "tint": 0.015,
}  # fmt: skip
"""The share of submits that each fault strikes."""
POLL = {
    "429": 0.01, "500": 0.02, "drop-before": 0.01, "stall": 0.001, "garbage": 0.01, "html": 0.005, "redirect": 0.005, "404": 0.02,
    "no-id": 0.01, "no-usage": 0.02, "no-last-frame": 0.01, "slow": 0.01,
}  # fmt: skip
MEDIA = {
    "429": 0.01, "500": 0.02, "drop-before": 0.01, "stall": 0.001, "garbage": 0.01, "redirect": 0.005, "truncated": 0.03,
    "expired": 0.01, "slow": 0.02,
}  # fmt: skip
BALANCE = {"429": 0.05, "500": 0.15, "drop-before": 0.1, "garbage": 0.1, "slow": 0.05}
RULES = [
    {"where": where, "what": what, "share": share, **({"seconds": 3.0} if what == "slow" else {})}
    for where, shares in (("submit", SUBMIT), ("poll", POLL), ("media", MEDIA), ("balance", BALANCE))
    for what, share in shares.items()
]
