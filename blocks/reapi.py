"""The provider's key and what may be spent with it."""

from __future__ import annotations

from typing import Any, ClassVar

from prefect.blocks.abstract import CredentialsBlock
from pydantic import (
    ConfigDict,
    Field,
    HttpUrl,
    SecretStr,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from longtake.blocks.form import block_schema
from longtake.blocks.references import reference
from longtake.provider import Provider
from longtake.settings import (
    PROVIDER,
    AccountInFlight,
    Attempts,
    CreditAmount,
    InFlight,
    Settings,
    SubmitRate,
)


class ReapiCredentials(CredentialsBlock):
    """The key of a reAPI account, the address of the API, and the limits of every run with this key.

    Example:
        Save one with `ReapiCredentials(api_key="...", day_budget=50_000).save("BLOCK_NAME")`, then name it in the parameter
        `credentials` of a flow, or load it:

        ```python
        from longtake.blocks import ReapiCredentials

        credentials = ReapiCredentials.load("BLOCK_NAME")
        ```
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(hide_input_in_errors=True, json_schema_extra=block_schema)

    _block_type_name: ClassVar[str | None] = "reAPI Credentials"
    _block_type_slug: ClassVar[str | None] = "reapi-credentials"
    _description: ClassVar[str | None] = "Key, base URL and spending limits for the reAPI video models."
    _logo_url: ClassVar[HttpUrl | None] = HttpUrl(
        "https://raw.githubusercontent.com/longtake/longtake/main/docs/img/logo.png"
    )
    _documentation_url: ClassVar[HttpUrl | None] = HttpUrl(
        "https://github.com/longtake/longtake/blob/main/docs/reference/blocks.md#block-reapi-credentials"
    )

    api_key: SecretStr = Field(title="API key", description="A key of the account that pays. Kept as a secret.")
    base_url: str = Field(
        default=PROVIDER, title="Base URL", description="Where the API is; an emulator on this machine works too."
    )
    max_in_flight: InFlight = Field(
        default=100, title="Takes in flight", description="How many takes one run has in flight at once."
    )
    account_in_flight: AccountInFlight | None = Field(
        default=None,
        title="Takes in flight, whole account",
        description="How many takes the account has in flight at once, over all runs and workers. Empty: no limit.",
    )
    submits_per_second: SubmitRate | None = Field(
        default=5.0,
        title="Submits per second, whole account",
        description="How many takes are submitted in a second, over all runs and workers. Empty: no limit.",
    )
    max_attempts: Attempts = Field(
        default=3,
        title="Attempts per take",
        description="How often a run tries a take; every attempt before the last was refunded.",
    )
    run_budget: CreditAmount | None = Field(
        default=None, title="Budget per run (credits)", description="The most one run may cost. Empty: no limit."
    )
    day_budget: CreditAmount | None = Field(
        default=None,
        title="Budget per day (credits)",
        description="The most this account may cost in a UTC day, over all films and runs. Empty: no limit.",
    )

    @model_validator(mode="before")
    @classmethod
    def _old_names(cls, given: Any) -> Any:  # noqa: ANN401 - before validation it may be anything
        """Load a block that was saved when budgets were called caps."""
        if not isinstance(given, dict):
            return given
        old = {"run_cap": "run_budget", "day_cap": "day_budget"}
        renamed = {new: given[name] for name, new in old.items() if name in given}
        return renamed | {name: value for name, value in given.items() if name not in old}

    @model_serializer(mode="wrap")
    def ser_model(self, handler: SerializerFunctionWrapHandler, info: SerializationInfo) -> Any:  # noqa: ANN401 - as Prefect's
        """Serialize a saved block as a reference in JSON, and else as Prefect does, with a masked key."""
        return reference(self, info) or super().ser_model(handler, info)

    def get_client(self) -> Provider:
        """A client of the provider; use it as an async context manager."""
        return Provider(base_url=self.base_url, key=self.api_key)

    def settings(self, base: Settings) -> Settings:
        """The settings of a run: `base` with this block's values."""
        own = {name: getattr(self, name) for name in type(self).model_fields if name in Settings.model_fields}
        return Settings.model_validate({**base.model_dump(exclude={"api_key"}), **own})
