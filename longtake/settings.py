"""What a run is told by its surroundings: environment variables here, blocks in Prefect.

Only this module reads the environment for Longtake's own settings; the AWS variables are boto3's.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from longtake.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

PROVIDER = "https://reapi.ai/api/v1"
"""The provider's base URL (contract §1)."""

Credits = Annotated[int, Field(gt=0)]


class Settings(BaseModel):
    """Where things are and how much may be used. The key is held as a secret and never shown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_key: SecretStr | None = None
    base_url: str = PROVIDER
    store: str = "longtake-data"
    public_url: str | None = None
    catalog: Path | None = None
    max_in_flight: int = Field(default=8, ge=1, le=1000)
    """Takes under way at once (the provider's own limit is unknown, contract §3)."""
    max_attempts: int = Field(default=3, ge=1, le=20)
    """Attempts a run makes for one take; each one before the last was refunded."""
    longest_wait: float = Field(default=3600, gt=0)
    """Seconds a task is polled before the run gives up on it for now (p95 is about 600 s, contract §3)."""
    run_cap: Credits | None = None
    day_cap: Credits | None = None

    @property
    def host(self) -> str:
        """The provider's host, which is part of an account's name."""
        return urlsplit(self.base_url).hostname or ""

    @property
    def loopback(self) -> bool:
        """Whether the provider runs on this machine, which is what the emulator does."""
        return self.host in {"localhost", "::1"} or self.host.startswith("127.")

    @property
    def realm(self) -> str:
        """What kind of provider clips come from: those of one on loopback never count as the real one's."""
        return "loopback" if self.loopback else "provider"

    def key(self) -> SecretStr:
        """The API key.

        Raises:
            SettingsError: there is none.
        """
        if self.api_key is None or not self.api_key.get_secret_value():
            raise SettingsError(
                "no API key is set",
                next_step="set LONGTAKE_API_KEY (or REAPI_API_KEY), or use a ReapiCredentials block",
            )
        return self.api_key


_VARIABLES = {
    "base_url": "LONGTAKE_BASE_URL",
    "store": "LONGTAKE_STORE",
    "public_url": "LONGTAKE_PUBLIC_URL",
    "catalog": "LONGTAKE_CATALOG",
    "max_in_flight": "LONGTAKE_MAX_IN_FLIGHT",
    "max_attempts": "LONGTAKE_MAX_ATTEMPTS",
    "longest_wait": "LONGTAKE_LONGEST_WAIT",
    "run_cap": "LONGTAKE_RUN_CAP",
    "day_cap": "LONGTAKE_DAY_CAP",
}


def from_environment(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: a variable holds something unusable; names it.
    """
    env = os.environ if environ is None else environ
    found: dict[str, object] = {name: env[variable] for name, variable in _VARIABLES.items() if env.get(variable)}
    key = env.get("LONGTAKE_API_KEY") or env.get("REAPI_API_KEY")
    if key:
        found["api_key"] = key.strip()
    try:
        settings = Settings.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "settings"
        raise SettingsError(f"{_VARIABLES.get(name, name)}: {first['msg']}") from None
    parts = urlsplit(settings.base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise SettingsError("LONGTAKE_BASE_URL is not an http(s) URL without a password in it")
    return settings
