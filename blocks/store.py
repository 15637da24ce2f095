"""The block for the store of media, takes, films and the ledger."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from prefect.blocks.core import Block
from pydantic import (
    ConfigDict,
    Field,
    HttpUrl,
    SecretStr,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_serializer,
    field_validator,
    model_serializer,
)

from longtake import store as stores
from longtake.blocks.form import block_schema
from longtake.blocks.references import reference, shows_secrets
from longtake.errors import SettingsError
from longtake.settings import Addressing, Checksums, Marking, S3Settings

if TYPE_CHECKING:
    from longtake.settings import Settings
    from longtake.store import Store

_INSTALLED = importlib.util.find_spec("prefect_aws") is not None
if TYPE_CHECKING or _INSTALLED:
    from prefect_aws.credentials import AwsCredentials, MinIOCredentials

    Credentials: TypeAlias = AwsCredentials | MinIOCredentials
else:
    # The field stays: a block saved with credentials must not pass for one without where the package is missing.
    Credentials = type(None)


_TOKEN = "aws_session_token"  # noqa: S105 - the name of a field


def _with_session_token(schema: dict[str, Any], model: type[Block]) -> None:
    """Count the session token among the secret fields, because prefect-aws holds it as a plain string."""
    block_schema(schema, model)
    if _INSTALLED:
        schema["secret_fields"].append(f"credentials.{_TOKEN}")


class ArtifactStore(Block):
    """A store: a local folder or an S3 bucket with a prefix. What is left empty for S3, boto3 finds on the worker.

    Example:
        Save one with `ArtifactStore(uri="s3://films/longtake").save("BLOCK_NAME")`, then name it in the parameter `store` of a
        flow, or load it:

        ```python
        from longtake.blocks import ArtifactStore

        store = ArtifactStore.load("BLOCK_NAME").open()
        ```
    """

    # An input that does not validate may be a secret.
    model_config: ClassVar[ConfigDict] = ConfigDict(hide_input_in_errors=True, json_schema_extra=_with_session_token)

    _block_type_name: ClassVar[str | None] = "Longtake Artifact Store"
    _block_type_slug: ClassVar[str | None] = "longtake-artifact-store"
    _description: ClassVar[str | None] = "Where Longtake keeps media, takes, films and the ledger of credits."
    _logo_url: ClassVar[HttpUrl | None] = HttpUrl(
        "https://raw.githubusercontent.com/longtake/longtake/main/docs/img/logo.png"
    )
    _documentation_url: ClassVar[HttpUrl | None] = HttpUrl(
        "https://github.com/longtake/longtake/blob/main/docs/reference/blocks.md#block-longtake-artifact-store"
    )

    uri: str = Field(title="URI", description="`file:///folder` or `s3://bucket/prefix`.")
    public_url: str | None = Field(
        default=None,
        title="Public base URL",
        description=(
            "A base URL under which others can read the store's objects. Without it S3 gives presigned URLs, and a local "
            "folder cannot serve references or last frames to the provider."
        ),
    )
    credentials: Credentials | None = Field(
        default=None,
        repr=False,  # prefect-aws shows session tokens
        title="Credentials",
        description=(
            "An AWS Credentials or MinIO Credentials block of prefect-aws: its keys or profile, region and endpoint. "
            "Empty: what boto3 finds on the worker."
        ),
    )
    endpoint_url: str | None = Field(
        default=None,
        title="Endpoint",
        description="The S3 server's URL, where it is not AWS. Goes before the one of the credentials.",
    )
    region: str | None = Field(
        default=None, title="Region", description="The bucket's region. Goes before the one of the credentials."
    )
    addressing_style: Addressing = Field(
        default="auto",
        title="Addressing style",
        description="Where the bucket's name stands: in the `path` or in the host's name (`virtual`).",
    )
    checksums: Checksums = Field(
        default="auto",
        title="Checksums",
        description="`when_required` for servers that stumble over checksums they did not ask for.",
    )

    marking: Marking | None = Field(
        default=None,
        title="Marking",
        description=(
            "Whether copies of films are kept that say they are generated: with `metadata`, or `signed` as well. The storyboard's "
            "own goes before it. Empty: as the worker's environment says, which also names the certificate and the key."
        ),
    )

    @field_validator("credentials", mode="before")
    @classmethod
    def _can_be_used(cls, value: object) -> object:
        if value == {}:
            return None  # what the form sends when nothing was chosen
        if value is not None and not _INSTALLED:
            # Not a ValueError: Prefect would hide the message behind "Unable to load … due to failed validation".
            raise SettingsError(
                "the ArtifactStore block has credentials of prefect-aws, which is not installed here",
                next_step="pip install 'longtake[aws]'",
            )
        return value

    @field_serializer("credentials", mode="wrap")
    def _masked(
        self, value: Credentials | None, handler: SerializerFunctionWrapHandler, info: SerializationInfo
    ) -> Any:  # noqa: ANN401 - as in the model
        """Serialize saved credentials as a reference in JSON, others with a masked session token."""
        if value is not None and (found := reference(value, info)) is not None:
            return found
        serialized = handler(value)
        if isinstance(serialized, dict) and serialized.get(_TOKEN) and not shows_secrets(info):
            token = SecretStr(serialized[_TOKEN])
            serialized[_TOKEN] = str(token) if info.mode == "json" else token
        return serialized

    @model_serializer(mode="wrap")
    def ser_model(self, handler: SerializerFunctionWrapHandler, info: SerializationInfo) -> Any:  # noqa: ANN401 - as Prefect's
        """Serialize a saved block as a reference in JSON, and else as Prefect does, with masked secrets."""
        return reference(self, info) or super().ser_model(handler, info)

    def open(self) -> Store:
        """The store itself.

        Raises:
            SettingsError: the address, or how to reach it, is unusable.
        """
        return stores.open(self.uri, public_url=self.public_url, s3=self.s3())

    def settings(self, base: Settings) -> Settings:
        """The settings of a run: `base` with this block's values.

        Raises:
            SettingsError: how to reach S3 is unusable.
        """
        found: dict[str, object] = {"store": self.uri, "public_url": self.public_url, "s3": self.s3()}
        return base.model_copy(update=found if self.marking is None else {**found, "marking": self.marking})

    def s3(self) -> S3Settings:
        """How to reach S3: this block's fields, with empty ones filled from the credentials.

        Raises:
            SettingsError: they do not fit together, or the credentials use an unsupported option.
        """
        said = {"endpoint_url": self.endpoint_url, "region": self.region}
        manners = {"addressing_style": self.addressing_style, "checksums": self.checksums}
        found: dict[str, object] = {} if self.credentials is None else _told(self.credentials)
        try:
            return S3Settings.model_validate({**found, **manners, **{k: v for k, v in said.items() if v}})
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            raise SettingsError(
                f"the store's block: {'.'.join(map(str, first['loc']))} {first['msg']}".replace("  ", " "),
                next_step="correct the ArtifactStore block or its credentials block",
            ) from None


def _told(block: Credentials) -> dict[str, object]:
    """The fields of a prefect-aws block under the names of `S3Settings`."""
    client = block.aws_client_parameters
    # A role's keys would be requested once and expire within the hour, in the middle of a film.
    role = None if isinstance(block, MinIOCredentials) else block.assume_role_arn
    for name, set_ in (
        ("assume_role_arn", role),
        ("aws_client_parameters.config", client.config),
        ("aws_client_parameters.verify = false", client.verify is False),
    ):
        if set_:
            raise SettingsError(
                f"the credentials block sets {name}, which a store does not support",
                next_step="put a role into a profile; addressing style and checksums are fields of the ArtifactStore block",
            )
    bundle = client.verify_cert_path or (client.verify if isinstance(client.verify, Path) else None)
    common = {"region": block.region_name, "endpoint_url": client.endpoint_url, "ca_bundle": bundle}
    if isinstance(block, MinIOCredentials):
        return {**common, "access_key_id": block.minio_root_user, "secret_access_key": block.minio_root_password}
    return {
        **common,
        "profile": block.profile_name,
        "access_key_id": block.aws_access_key_id,
        "secret_access_key": block.aws_secret_access_key,
        "session_token": block.aws_session_token,
    }
