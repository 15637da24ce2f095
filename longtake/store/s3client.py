"""The S3 client: one a process for each server and account, and calls that are repeated only by us.

boto3 repeats nothing here (one attempt a call): a hidden repeat would find our own conditional write and report it
as another writer's.
"""

from __future__ import annotations

import hashlib
import os
import random
import threading
import time
from typing import TYPE_CHECKING, Literal, TypeVar

from longtake.errors import LongtakeError, SettingsError
from longtake.store.s3errors import answered, is_aws, no_answer, not_signed, place, status

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_s3 import S3Client

    from longtake.settings import S3Settings

Answer = TypeVar("Answer")

_ATTEMPTS = 5
FIRST_PAUSE = 0.2  # seconds; doubled each time: a call gives up about three seconds after quick failures began
_CONNECTIONS = 32
_PASSING = {408, 409, 425, 429}  # in addition to 5xx; 409 answers a conditional write that met another one

_clients: dict[tuple[object, ...], S3Client] = {}
_lock = threading.Lock()


def client(bucket: str, settings: S3Settings | None = None) -> S3Client:
    """The process's client for a bucket, safe for many threads; made on first use (about a second).

    Endpoint, region and credentials are those of the settings; what they leave empty boto3 finds in the AWS variables
    (of which AWS_ENDPOINT_URL_S3 goes before AWS_ENDPOINT_URL) and files.

    Raises:
        SettingsError: no client can be made of them.
    """
    from longtake.settings import S3Settings  # noqa: PLC0415 - loads pydantic, which a local folder does without

    said = settings or S3Settings()
    endpoint = said.endpoint_url or _endpoint_of_environment()
    style = said.addressing_style
    if style == "auto":
        # A dot in a bucket's name does not fit the certificate of the virtual host; few servers other than AWS have a name
        # for each bucket.
        style = "path" if endpoint or "." in bucket else "virtual"
    # The process id: a child of fork(2) must not share sockets with its parent.
    cached = (os.getpid(), style, said, _variables())
    with _lock:
        if cached not in _clients:
            _clients[cached] = _made(said, endpoint, style)
        return _clients[cached]


def _variables() -> bytes:
    """Everything boto3 may read of the environment, as a digest: keys are in it."""
    found = sorted((name, value) for name, value in os.environ.items() if name.startswith("AWS_"))
    return hashlib.sha256(repr(found).encode("utf-8", "replace")).digest()


def _made(said: S3Settings, endpoint: str | None, style: Literal["path", "virtual"]) -> S3Client:
    import boto3  # noqa: PLC0415 - half a second that only users of S3 pay
    from botocore.config import Config  # noqa: PLC0415 - as above
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - as above

    region = None
    checksums = said.checksums
    if checksums == "auto":
        # Trailing checksums over https break several servers that are not AWS.
        checksums = "when_required" if endpoint else "when_supported"
    try:
        session = boto3.Session(
            profile_name=said.profile,
            aws_access_key_id=said.access_key_id,
            aws_secret_access_key=said.secret_access_key.get_secret_value() if said.secret_access_key else None,
            aws_session_token=said.session_token.get_secret_value() if said.session_token else None,
        )
        region = said.region or os.environ.get("AWS_REGION") or session.region_name
        made = session.client(
            "s3",
            endpoint_url=endpoint,
            # Servers other than AWS take any region, and this is the one most of them are called by.
            region_name=region or "us-east-1",
            verify=str(said.ca_bundle) if said.ca_bundle else None,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": style},
                retries={"total_max_attempts": 1, "mode": "standard"},
                connect_timeout=10,
                read_timeout=60,
                max_pool_connections=_CONNECTIONS,
                tcp_keepalive=True,
                request_checksum_calculation=checksums,
                response_checksum_validation=checksums,
            ),
        )
    except (BotoCoreError, ValueError) as error:
        raise _no_client(error, said.profile or os.environ.get("AWS_PROFILE"), region) from None
    if region is None and is_aws(made.meta.endpoint_url):
        # URLs for the provider are signed for a region: one signed for another region cannot be read.
        raise SettingsError(
            "no region is set for the S3 bucket, and no endpoint other than that of AWS",
            next_step="set AWS_REGION to the bucket's region, or AWS_ENDPOINT_URL to the address of your S3 server",
        )
    return made


def _endpoint_of_environment() -> str | None:
    """The endpoint that AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL names.

    Raises:
        SettingsError: it is not a URL.
    """
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        if found := os.environ.get(name):
            if not found.lower().startswith(("http://", "https://")):
                # The value stays out of the message: it may hold a password.
                raise SettingsError(
                    f"{name} is not an http(s) URL",
                    next_step=f"set {name} to the address of the S3 server, for example http://127.0.0.1:9000",
                )
            return found
    return None


def _no_client(error: Exception, profile: str | None, region: str | None) -> SettingsError:
    name = type(error).__name__
    if name == "ProfileNotFound":
        step = "correct AWS_PROFILE, or add the profile to the AWS configuration file"
        return SettingsError(f"there is no AWS profile {profile!r}", next_step=step)
    if name == "InvalidRegionError":
        return SettingsError(
            f"AWS_REGION is {region!r}, which cannot be a region", next_step="set it to the bucket's region"
        )
    return SettingsError(
        f"no S3 client can be made of the AWS settings ({name})",
        next_step="check AWS_ENDPOINT_URL, AWS_PROFILE and AWS_REGION, or the fields of the ArtifactStore block",
    )


def patiently(call: Callable[[], Answer], *, at: tuple[S3Client, str], key: str, doing: str) -> Answer:
    """Run an S3 call, again after failures that pass (no connection, a lost answer, 5xx, 409, 429), up to five times.

    ``call`` must be one that may run twice. An answer of any other kind (404, 412, 416) comes out as botocore's
    `ClientError` only when the caller handles it inside ``call``; here it ends as `StoreError`.

    Args:
        call: does it and gives the answer.
        at: the client and the bucket, which errors name.
        key: the key to name in an error.
        doing: what failed, as "read" in "could not be read".

    Raises:
        StoreError: it did not work; the message holds the bucket, the endpoint and the code of the answer.
        SettingsError: there are no credentials.
    """
    from botocore.exceptions import (  # noqa: PLC0415 - loaded with the client
        BotoCoreError,
        ClientError,
        ConnectionError,  # noqa: A004 - botocore's name
        HTTPClientError,
        IncompleteReadError,
        NoCredentialsError,
        PartialCredentialsError,
    )
    from botocore.parsers import ResponseParserError  # noqa: PLC0415 - as above

    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return call()
        except LongtakeError:
            raise
        except (NoCredentialsError, PartialCredentialsError):
            raise SettingsError(
                f"there are no AWS credentials for {place(*at)}",
                next_step="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
            ) from None
        except ClientError as error:
            number = status(error)
            again = (number >= 500 and number != 501) or number in _PASSING
            failed = answered(error, *at, key=key, doing=doing)
        except (ConnectionError, HTTPClientError, IncompleteReadError, ResponseParserError) as error:
            again, failed = True, no_answer(error, *at, key=key, doing=doing)
        except (BotoCoreError, OSError, ValueError) as error:
            again, failed = False, not_signed(error, *at, key=key, doing=doing)
        if not again or attempt == _ATTEMPTS:
            # `from None`: what botocore says may hold the endpoint's URL, and that may hold a password.
            raise failed from None
        time.sleep(FIRST_PAUSE * 2 ** (attempt - 1) * random.uniform(0.5, 1))  # noqa: S311 - spreads writers, no secret
    raise AssertionError  # the last attempt returned or raised
