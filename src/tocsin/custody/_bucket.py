"""A bucket of S3 with Object Lock: nobody can change or remove an object before its date.

Source: Amazon S3, "Locking objects with Object Lock", compliance mode, and PutObject, `If-None-
Match`. SHA256SUMS is written last: without it a day is not there.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tocsin.bundle import LARGEST, READ_WHOLE
from tocsin.errors import DeliveryError, EvidenceError, ParseError
from tocsin.printable import printable
from tocsin.seal import HEAD, MANIFEST, SIGNATURE, DayFiles, Fault, is_day, may_go_on

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["BucketDestination"]

_LAST = (SIGNATURE, HEAD, MANIFEST)
_AT_ONCE = 8
_CHUNK = 1 << 20


class BucketDestination:
    """Days under a prefix of a bucket."""

    def __init__(self, client: Any, bucket: str, prefix: str, keep: str, now: int) -> None:
        self.place = f"s3://{bucket}/{prefix}".rstrip("/")
        self._client = client
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._keep = keep
        self._now = now
        self._names: dict[str, set[str]] = {}

    @classmethod
    @contextmanager
    def opened(cls, url: str, keep: str, now: int) -> Iterator[BucketDestination]:
        """`url` is `s3://bucket/prefix`, `keep` how long a day is locked: `7y`.

        `now` is in microseconds since 1970 UTC. The client has the credentials, the region and the
        endpoint that the AWS command line would use. Raises ParseError, EvidenceError,
        DeliveryError.
        """
        try:
            import boto3  # noqa: PLC0415 - an extra
            from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
        except ImportError:
            raise ParseError("S3 needs boto3", hint="pip install 'tocsin[aws]'") from None
        bucket, _, prefix = url.removeprefix("s3://").partition("/")
        if not bucket:
            raise ParseError(f"not a bucket: {printable(url, 80)}", hint="s3://bucket/prefix")
        try:
            try:
                client = boto3.client("s3")
            except ValueError as error:  # Such as an endpoint that is no address.
                raise ParseError(f"can't ask S3: {printable(str(error), 300)}") from None
            made = cls(client, bucket, prefix.strip("/"), keep, now)
            made._check_lock(ClientError)
            yield made
        except (BotoCoreError, ClientError) as error:
            raise DeliveryError(f"{url}: {printable(str(error), 300)}") from None

    def _check_lock(self, refused: type[Exception]) -> None:
        try:
            found = self._client.get_object_lock_configuration(Bucket=self._bucket)
        except refused as error:
            if "ObjectLockConfigurationNotFound" not in str(error):
                raise
            found = {}
        if found.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") != "Enabled":
            raise EvidenceError(
                f"the bucket {self._bucket} has no Object Lock, so that anybody with its keys could"
                " change the copy",
                hint="make a bucket with Object Lock, in an account of another party",
            )

    def whole(self) -> tuple[str, ...]:
        pages = self._client.get_paginator("list_objects_v2")
        self._names = {}
        for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix):
            for each in page.get("Contents", ()):
                day, _, name = each["Key"].removeprefix(self._prefix).partition("/")
                if not is_day(day) or not name:
                    raise EvidenceError(
                        f"{self.place} holds other things than sealed days: "
                        f"{printable(each['Key'])}",
                        hint="a copy has a prefix of its own",
                    )
                self._names.setdefault(day, set()).add(name)
        return tuple(sorted(day for day, names in self._names.items() if MANIFEST in names))

    def read(self, day: str) -> DayFiles:
        names = sorted(self._names.get(day, ()))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = list(pool.map(lambda name: self._get(day, name), names))
        return DayFiles(
            day,
            {name: digest for name, (digest, _, _) in zip(names, found, strict=True)},
            {name: data for name, (_, data, _) in zip(names, found, strict=True)
             if data is not None},
            tuple(fault for _, _, fault in found if fault is not None),
        )  # fmt: skip

    def _get(self, day: str, name: str) -> tuple[str, bytes | None, Fault | None]:
        """SHA-256, the bytes of what is read, and what is wrong with how it lies there."""
        got = self._client.get_object(Bucket=self._bucket, Key=self._key(day, name))
        if got["ContentLength"] > LARGEST:
            return "", None, Fault(day, printable(name), f"larger than {LARGEST >> 20} MiB")
        digest, parts = hashlib.sha256(), []
        for chunk in got["Body"].iter_chunks(_CHUNK):
            digest.update(chunk)
            if name in READ_WHOLE:
                parts.append(chunk)
        until = got.get("ObjectLockRetainUntilDate")
        fault = None
        if got.get("ObjectLockMode") != "COMPLIANCE" or until is None or until < self._end(day):
            told = f"locked until {until:%Y-%m-%d}" if until else "no lock in compliance mode"
            fault = Fault(day, printable(name), f"{told}, not until {self._end(day):%Y-%m-%d}")
        return digest.hexdigest(), b"".join(parts) if name in READ_WHOLE else None, fault

    def put(self, day: str, files: Mapping[str, bytes]) -> None:
        begun = set(self._names.get(day, ()))
        first = [name for name in files if name not in _LAST]

        def write(name: str) -> None:
            if name in begun:
                self._same(day, name, files[name])
            else:
                self.add(day, name, files[name])

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(write, first))
        for name in _LAST:
            write(name)

    def _same(self, day: str, name: str, data: bytes) -> None:
        """What an interrupted copy left must be what it would have written."""
        theirs, _, fault = self._get(day, name)
        ours = hashlib.sha256(data).hexdigest()
        if theirs != ours:
            raise EvidenceError(f"{day}/{name}: here {ours}, at the destination {theirs}",
                                hint="nothing is written over")  # fmt: skip
        if fault is not None:
            raise EvidenceError(f"at the destination, {fault}")

    def add(self, day: str, name: str, data: bytes) -> None:
        soonest = datetime.fromtimestamp(self._now // 1_000_000, UTC) + timedelta(days=1)
        self._client.put_object(
            Bucket=self._bucket, Key=self._key(day, name), Body=data, IfNoneMatch="*",
            ChecksumAlgorithm="SHA256", ObjectLockMode="COMPLIANCE",
            ObjectLockRetainUntilDate=max(self._end(day), soonest),
        )  # fmt: skip
        self._names.setdefault(day, set()).add(name)

    def _key(self, day: str, name: str) -> str:
        return f"{self._prefix}{day}/{name}"

    def _end(self, day: str) -> datetime:
        return datetime.strptime(may_go_on(day, self._keep), "%Y%m%d").replace(tzinfo=UTC)
