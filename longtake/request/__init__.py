"""A storyboard's shots as requests to the provider: what each asks for, what decides it, and what it may cost."""

from longtake.request.bodies import body, frozen_body
from longtake.request.fingerprints import description, fingerprint
from longtake.request.limits import Misfit, kind_of, misfits
from longtake.request.resolved import Input, Resolved, ResolvedShot, Role
from longtake.request.resolving import resolve

__all__ = [
    "Input",
    "Misfit",
    "Resolved",
    "ResolvedShot",
    "Role",
    "body",
    "description",
    "fingerprint",
    "frozen_body",
    "kind_of",
    "misfits",
    "resolve",
]
