"""The place where media, takes, films and the ledger lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl

from longtake import store as stores

if TYPE_CHECKING:
    from longtake.settings import Settings
    from longtake.store import Store


class ArtifactStore(Block):
    """A store: a local folder or an S3 bucket with a prefix. Credentials for S3 are the ones boto3 finds.

    Example:
        Save one with `ArtifactStore(uri="s3://films/longtake").save("BLOCK_NAME")`, then name it in the parameter `store` of a
        flow, or load it:

        ```python
        from blocks import ArtifactStore

        store = ArtifactStore.load("BLOCK_NAME").open()
        ```
    """

    _block_type_name: ClassVar[str | None] = "Longtake Artifact Store"
    _block_type_slug: ClassVar[str | None] = "longtake-artifact-store"
    _description: ClassVar[str | None] = "Where Longtake keeps media, takes, films and the ledger of credits."
    _documentation_url: ClassVar[HttpUrl | None] = HttpUrl(
        "https://github.com/longtake/longtake/blob/main/docs/reference/blocks.md"
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

    def open(self) -> Store:
        """The store itself."""
        return stores.open(self.uri, public_url=self.public_url)

    def settings(self, base: Settings) -> Settings:
        """The settings of a run: these values over those of `base`."""
        return base.model_copy(update={"store": self.uri, "public_url": self.public_url})
