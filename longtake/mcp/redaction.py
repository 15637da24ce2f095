"""The secrets of the settings, taken out of everything that leaves the process: answers, errors and the log."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, TypeVar

from longtake.frozen import Frozen

if TYPE_CHECKING:
    from longtake.settings import Settings

_Answer = TypeVar("_Answer", bound=Frozen)

_SHORTEST = 6
"""A shorter secret would be found in ordinary words."""
_HIDDEN = "[hidden]"


class Redaction:
    """Replaces the secrets of some settings. Nothing of Longtake shows them; a storyboard or a provider's answer might."""

    def __init__(self, settings: Settings) -> None:
        secrets = (settings.api_key, settings.s3.secret_access_key, settings.s3.session_token)
        found = [secret.get_secret_value() for secret in secrets if secret is not None]
        self._secrets = tuple(secret for secret in found if len(secret) >= _SHORTEST)

    def text(self, text: str) -> str:
        """The text without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        return text

    def answer(self, answer: _Answer) -> _Answer:
        """The answer without secrets."""
        text = answer.model_dump_json()
        plain = self.text(text)
        return answer if plain == text else type(answer).model_validate_json(plain)


class _Formatter(logging.Formatter):
    def __init__(self, redaction: Redaction) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")
        self._redaction = redaction

    def format(self, record: logging.LogRecord) -> str:
        """The line, tracebacks included, without secrets."""
        return self._redaction.text(super().format(record))


def log_to_stderr(redaction: Redaction) -> None:
    """Send the process's log to standard error, because standard output is the protocol's; warnings and graver only."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(redaction))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
