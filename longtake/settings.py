"""Settings of a run, from environment variables here and from blocks in Prefect.

Only this module reads the environment for Longtake's own settings; the AWS variables are boto3's.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from longtake.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

PROVIDER = "https://reapi.ai/api/v1"
"""The provider's base URL (provider-contract.md §1)."""

CreditAmount = Annotated[int, Field(gt=0)]
InFlight = Annotated[int, Field(ge=1, le=1000)]
AccountInFlight = Annotated[int, Field(ge=1, le=10_000)]
SubmitRate = Annotated[float, Field(ge=0.01, le=1000)]
Attempts = Annotated[int, Field(ge=1, le=20)]
Addressing = Literal["auto", "path", "virtual"]
Marking = Literal["off", "metadata", "signed"]
Checksums = Literal["auto", "when_required", "when_supported"]
Otel = Literal["off", "on", "prompts"]


class S3Settings(BaseModel):
    """How to reach an S3 server. boto3 fills empty fields from its variables, its files or the machine's role."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    endpoint_url: str | None = None
    region: str | None = None
    addressing_style: Addressing = "auto"
    """Where the bucket's name goes. `auto`: into the path with an endpoint of your own, into the host name at AWS."""
    checksums: Checksums = "auto"
    """Whether checksums are sent. `auto`: `when_required` with an endpoint of your own, `when_supported` at AWS."""
    ca_bundle: Path | None = None
    """Certificates to trust instead of botocore's own."""
    profile: str | None = None
    access_key_id: str | None = Field(default=None, repr=False)
    secret_access_key: SecretStr | None = None
    session_token: SecretStr | None = None

    @field_validator("endpoint_url")
    @classmethod
    def _plain(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "http://host")
        if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc or parts.query:
            raise ValueError("not an http(s) URL without a password in it")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("an access key id and its secret are given together or not at all")
        if self.session_token is not None and self.access_key_id is None:
            raise ValueError("a session token belongs to an access key id")
        return self


class Settings(BaseModel):
    """Places, limits and the key of a run. The key is a secret and never shown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_key: SecretStr | None = None
    base_url: str = PROVIDER
    account: str | None = None
    """One of several ledgers of the key, to fetch and settle what is open in it; None for the one that the key pays with."""
    store: str = "longtake-data"
    public_url: str | None = None
    s3: S3Settings = S3Settings()
    catalog: Path | None = None
    max_in_flight: InFlight = 100
    """Takes in flight at once in one run (the provider's own limit is unknown, provider-contract.md §3)."""
    account_in_flight: AccountInFlight | None = None
    """Tasks and POSTs of the account in flight at once, over all its runs; None for no limit."""
    submits_per_second: SubmitRate | None = 5.0
    """Submits per second of the account, over all its runs; None for no limit (the provider's own rate is unknown)."""
    max_attempts: Attempts = 3
    """Attempts a run makes for one take; each one before the last was refunded."""
    longest_wait: float = Field(default=3600, gt=0, le=30 * 86400)
    """Seconds a task is polled before the run gives up on it for now (p95 is about 600 s, provider-contract.md §3)."""
    run_budget: CreditAmount | None = None
    """The most one run may cost."""
    day_budget: CreditAmount | None = None
    """The most the account may cost in a UTC day, over all films and runs."""
    by: str = ""
    """Who asks for what is bought, such as an agent's name: the ledger's entries name it behind the process."""
    marking: Marking = "off"
    """Whether a marked copy of each film is stored, too: with metadata that says it is generated, or signed as well."""
    signing_certificate: Path | None = None
    """The certificate that signs films, with its chain (PEM)."""
    signing_key: Path | None = None
    """Its private key (PEM)."""
    otel: Otel = "off"
    """Whether traces and metrics are sent by OpenTelemetry; with `prompts`, prompts are in the traces."""
    openlineage: Literal["off", "on"] = "off"
    """Whether runs of films are reported by OpenLineage, with what went in and what came out."""

    @property
    def host(self) -> str:
        """The provider's host, which is part of an account's name."""
        return urlsplit(self.base_url).hostname or ""

    @property
    def loopback(self) -> bool:
        """Whether the provider is reached through this machine, as the emulator is: and perhaps a proxy to the real one."""
        return self.host in {"localhost", "::1"} or self.host.startswith("127.")

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


VARIABLES = {name: f"LONGTAKE_{name.upper()}" for name in Settings.model_fields if name not in {"api_key", "s3", "by"}}
_RENAMED = {"LONGTAKE_RUN_CAP": "LONGTAKE_RUN_BUDGET", "LONGTAKE_DAY_CAP": "LONGTAKE_DAY_BUDGET"}
"""Old names are errors, because an ignored budget would let a run spend more than intended."""
_S3_VARIABLES = {"addressing_style": "LONGTAKE_S3_ADDRESSING", "checksums": "LONGTAKE_S3_CHECKSUMS"}


def from_environment(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: a variable has an unusable value or an old name; the message names it.
    """
    env = os.environ if environ is None else environ
    for old, new in _RENAMED.items():
        if env.get(old):
            raise SettingsError(f"{old} is now called {new}", next_step=f"set {new} and unset {old}")
    found: dict[str, object] = {name: env[variable] for name, variable in VARIABLES.items() if env.get(variable)}
    found["s3"] = {name: env[variable] for name, variable in _S3_VARIABLES.items() if env.get(variable)}
    key = env.get("LONGTAKE_API_KEY") or env.get("REAPI_API_KEY")
    if key:
        found["api_key"] = key.strip()
    try:
        settings = Settings.model_validate(found)
    except ValidationError as error:
        raise _unusable(error) from None
    parts = urlsplit(settings.base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise SettingsError(
            "LONGTAKE_BASE_URL is not an http(s) URL without a password in it",
            next_step=f"set it to the address of the API, for example {PROVIDER}, or unset it",
        )
    return settings


def explain(error: ValidationError, model: type[BaseModel], names: Mapping[str, str]) -> str:
    """Describe every value that pydantic refused: its name, the value and what is allowed.

    Args:
        error: what `model` raised.
        model: holds the types and ranges.
        names: names for the message, by field; a field not in here keeps its own name.
    """
    found = []
    for one in error.errors():
        place = [str(part) for part in one["loc"]]
        name = next((names[part] for part in reversed(place) if part in names), ".".join(place) or "a value")
        allowed = _allowed(model, place)
        found.append(
            f"{name} is {str(one['input'])[:40]!r}; it must be {allowed}" if allowed else f"{name}: {one['msg']}"
        )
    return "; ".join(found)


def _allowed(model: type[BaseModel], place: Sequence[str]) -> str:
    """The values a field takes, for example "a whole number from 1 to 1000"; empty for other kinds."""
    schema: dict[str, Any] = model.model_json_schema()
    at = schema
    for part in place:
        at = schema["$defs"][at["$ref"].rpartition("/")[2]] if "$ref" in at else at
        at = at.get("properties", {}).get(part, {})
    # An optional field is a choice between its type and null.
    at = next((one for one in at.get("anyOf", ()) if one.get("type") != "null"), at)
    if "enum" in at:
        return f"one of {', '.join(map(str, at['enum']))}"
    if at.get("type") not in {"integer", "number"}:
        return ""
    kind = "a whole number" if at["type"] == "integer" else "a number"
    least, above, most = at.get("minimum"), at.get("exclusiveMinimum"), at.get("maximum")
    if above is not None and at["type"] == "integer":
        least = above + 1
    if least is not None:
        return (
            f"{kind} from {_plain(least)} to {_plain(most)}" if most is not None else f"{kind}, {_plain(least)} or more"
        )
    if above is not None:
        return f"{kind} above {_plain(above)}" + (f" and up to {_plain(most)}" if most is not None else "")
    return kind


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)


def _unusable(error: ValidationError) -> SettingsError:
    """The error for variables that hold unusable values; its next step names the defaults."""
    variables = VARIABLES | _S3_VARIABLES
    steps = []
    for one in error.errors():
        field = str(one["loc"][-1]) if one["loc"] else ""
        if field in variables:
            known = Settings.model_fields.get(field) or S3Settings.model_fields[field]
            default = (
                "no limit"
                if known.default is None
                else _plain(known.default)
                if isinstance(known.default, int | float)
                else known.default
            )
            steps.append(f"correct {variables[field]}, or unset it (default: {default})")
    return SettingsError(explain(error, Settings, variables), next_step="; ".join(steps))
