"""What S3's answers mean for a person: the bucket, the endpoint, the reason and the next step, and never a secret."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from longtake.errors import StoreError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_WORD = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
_CREDENTIALS = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or the credentials of the ArtifactStore block"
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"}
_UNKNOWN = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidClientTokenId"}
_ELSEWHERE = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}


def place(s3: S3Client, bucket: str) -> str:
    """Return the bucket with its endpoint and region, for messages."""
    return f"the bucket {bucket} at {_endpoint(s3)} (region {s3.meta.region_name})"


def is_aws(url: str) -> bool:
    """Whether an endpoint is one of AWS itself."""
    host = urlsplit(url).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))


def status(error: Exception) -> int:
    """The HTTP status of botocore's `ClientError`; 0 when it has none."""
    answer = getattr(error, "response", {})
    found = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return found if isinstance(found, int) else 0


def answered(error: Exception, s3: S3Client, bucket: str, *, key: str, doing: str) -> StoreError:
    """Return the error for an answer that was not a success (botocore's `ClientError`)."""
    code, number, where = _code(error), status(error), place(s3, bucket)
    failed = f"{key} could not be {doing}: {code}, HTTP {number}"
    if found := _bad_setting(code, number, bucket, _region(error)):
        reason, step = found
        return _bad_input(f"{reason.format(where)}; {failed}", key, step)
    step_411 = "set LONGTAKE_S3_CHECKSUMS=when_required: the server does not take checksums it did not ask for"
    return StoreError(f"{failed}, from {where}", key=key, next_step=step_411 if number == 411 else "")


def _bad_setting(code: str, number: int, bucket: str, region: str | None) -> tuple[str, str] | None:
    """The reason, with `{}` for the place, and the next step, where a person has to change something; else None."""
    found: tuple[str, str] | None = None
    if code == "NoSuchBucket":
        step = f"create the bucket {bucket}, or correct LONGTAKE_STORE, the endpoint or the region"
        found = "{} does not exist", step
    elif code in _ELSEWHERE or number == 301:
        found = "{} is in another region", f"set AWS_REGION to {region or 'the region of the bucket'}"
    elif code in _EXPIRED:
        step = f"renew the credentials ({_CREDENTIALS}; temporary ones need AWS_SESSION_TOKEN), then run again"
        found = "the S3 credentials for {} have expired", step
    elif code in _UNKNOWN or number == 401:
        found = "{} refused the S3 credentials", f"correct the credentials: {_CREDENTIALS}"
    elif code == "RequestTimeTooSkewed":
        found = "{} refused the time of this machine", "set the clock of this machine"
    elif number == 403:
        step = (
            f"allow these credentials to list, get, put and delete in {bucket} "
            f"(s3:ListBucket, s3:GetObject, s3:PutObject, s3:DeleteObject), or use others"
        )
        found = "the S3 credentials may not do this in {}", step
    return found


def no_answer(error: Exception, s3: S3Client, bucket: str, *, key: str, doing: str) -> StoreError:
    """Return the error for a call that got no whole answer from the endpoint."""
    name, endpoint = type(error).__name__, _endpoint(s3)
    if name == "SSLError":
        step = "set AWS_CA_BUNDLE to the server's certificates, or use the address its certificate is for"
        message = f"the certificate of the S3 endpoint {endpoint} is not trusted"
    elif "Proxy" in name:
        step = "check HTTPS_PROXY and NO_PROXY"
        message = f"the proxy on the way to the S3 endpoint {endpoint} does not answer"
    else:
        step = (
            "check the network, and that AWS_REGION names a region"
            if is_aws(endpoint)
            else "start the S3 server, or correct AWS_ENDPOINT_URL (or the endpoint of the ArtifactStore block)"
        )
        how = {"ResponseParserError": "does not speak S3", "IncompleteReadError": "broke off its answer"}
        message = f"the S3 endpoint {endpoint} {how.get(name, 'does not answer')}"
    return StoreError(f"{message} for the bucket {bucket}; {key} could not be {doing}: {name}", key=key, next_step=step)


def not_signed(error: Exception, s3: S3Client, bucket: str, *, key: str, doing: str) -> StoreError:
    """Return the error for a call that botocore could not make, most often for want of credentials that can be loaded."""
    name = type(error).__name__
    failed = f"{key} could not be {doing} in {place(s3, bucket)}: {name}"
    if any(word in name for word in ("Credential", "SSO", "Token", "Login")):
        return _bad_input(
            f"the S3 credentials cannot be loaded; {failed}", key, f"sign in again, or set {_CREDENTIALS}"
        )
    return StoreError(failed, key=key)


def _bad_input(message: str, key: str, step: str) -> StoreError:
    # A StoreError all the same: in the middle of a run the ledger's patience with the store must hold.
    return StoreError(message, key=key, next_step=step, exit_code=2)


def _endpoint(s3: S3Client) -> str:
    """The endpoint without a user or a password in it."""
    parts = urlsplit(s3.meta.endpoint_url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"


def _code(error: Exception) -> str:
    code = str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))
    return code if _WORD.match(code) else "an unreadable code"


def _region(error: Exception) -> str | None:
    """The region that the answer names, if any."""
    answer: dict[str, Any] = getattr(error, "response", {})
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    found = str(headers.get("x-amz-bucket-region") or answer.get("Error", {}).get("Region") or "")
    return found if _WORD.match(found) else None
