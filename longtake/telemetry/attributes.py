"""The names of attributes that more than one kind of span or metric has."""

from __future__ import annotations

RUN_ATTRIBUTES = "longtake-run-attributes"
"""The key in OpenTelemetry's context of what an engine says of its run: attributes of the films that are made in it."""

FILM = "longtake.film"
ACCOUNT = "longtake.account"
STATE = "longtake.credits.state"
LABEL = "longtake.label"
ATTEMPT = "longtake.attempt.id"
NUMBER = "longtake.attempt.number"
TASK = "longtake.task.id"
CODE = "longtake.provider.code"
RESERVE = "longtake.credits.reserve"
CHARGED = "longtake.credits.charged"

OF_EVENTS = {
    "attempt": ATTEMPT,
    "number": NUMBER,
    "shot": LABEL,
    "task": TASK,
    "credits": "longtake.credits",
    "code": CODE,
    "status": "http.response.status_code",
    "retryable": "longtake.retryable",
    "seconds": "longtake.clip.seconds",
    "scope": "longtake.budget.scope",
    "budget": "longtake.budget",
    "needed": "longtake.credits.needed",
    "available": "longtake.credits.available",
    "to_buy": "longtake.takes.to_buy",
    "planned": "longtake.credits.planned",
    "reserve": RESERVE,
    "charged": CHARGED,
    "refunded": "longtake.credits.refunded",
    "reserved": "longtake.credits.reserved",
    "in_doubt": "longtake.credits.in_doubt",
    "under_way": "longtake.attempts.under_way",
    "would_cost": "longtake.credits.would_cost",
}
"""The attributes of what events hold; everything else of them stays here."""
