"""A second copy in S3 under Object Lock, against moto's server on loopback."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.custody.test_copy import TRUST, files_of, more
from tests.seal.chains import COSIGNER, WITNESS, chain, names
from tocsin.bundle import attach, locked
from tocsin.custody import BucketDestination, copy_days
from tocsin.errors import DeliveryError, EvidenceError, ParseError
from tocsin.seal import cosign, may_go_on, read_checkpoint

boto3 = pytest.importorskip("boto3")
moto = pytest.importorskip("moto.server")

DAYS = names(5)
NOW = round(datetime(2026, 12, 2, tzinfo=UTC).timestamp()) * 1_000_000


@pytest.fixture(scope="module")
def url():
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(url, monkeypatch, tmp_path):
    for name, value in (
        ("AWS_ENDPOINT_URL", url), ("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "y"),
        ("AWS_EC2_METADATA_DISABLED", "true"), ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_CONFIG_FILE", str(tmp_path / "none")),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    name = f"b{abs(hash(tmp_path))}"
    client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    client.bucket = name
    return client


@pytest.fixture
def root(tmp_path):
    return chain(tmp_path / "evidence", 3, files=1)


def put(root, s3, keep="7y", prefix="evidence", now=NOW, kind=BucketDestination):
    with kind.opened(f"s3://{s3.bucket}/{prefix}", keep, now) as destination:
        return copy_days(root, destination, TRUST, lambda _: None, lambda _done, _of: None)


def keys(s3, prefix=""):
    found = s3.list_objects_v2(Bucket=s3.bucket, Prefix=prefix)
    assert not found["IsTruncated"]
    return [each["Key"] for each in found.get("Contents", ())]


def objects(s3):
    return {key: s3.get_object(Bucket=s3.bucket, Key=key)["Body"].read() for key in keys(s3)}


def test_each_object_is_locked_until_its_day_may_go(root, s3):
    done = put(root, s3)
    assert (done.copied, done.differing, done.there.faults) == (DAYS[:3], [], [])
    found = objects(s3)
    assert found == {f"evidence/{name}": data for name, data in files_of(root).items()}
    for key in found:
        got = s3.head_object(Bucket=s3.bucket, Key=key)
        assert got["ObjectLockMode"] == "COMPLIANCE"
        until = got["ObjectLockRetainUntilDate"]
        assert f"{until:%Y%m%d}" == may_go_on(key.split("/")[1], "7y")
        version = got["VersionId"]
        with pytest.raises(s3.exceptions.ClientError, match="AccessDenied"):
            s3.delete_object(Bucket=s3.bucket, Key=key, VersionId=version)
    more(root, 5)
    done = put(root, s3)
    assert (done.copied, done.same) == (DAYS[3:], 3)
    assert len(s3.list_object_versions(Bucket=s3.bucket)["Versions"]) == len(objects(s3))


def test_what_came_after_sealing_follows(root, s3):
    put(root, s3)
    line = cosign(
        read_checkpoint((root / DAYS[2] / "checkpoint").read_bytes()), COSIGNER.name, WITNESS, 1
    )
    with locked(root):
        attach(root, DAYS[2], "checkpoint.cosig", line)
    assert put(root, s3).added == [f"{DAYS[2]}/checkpoint.cosig"]
    assert objects(s3)[f"evidence/{DAYS[2]}/checkpoint.cosig"] == line


def test_what_differs_is_named_and_not_written_over(root, s3):
    put(root, s3)
    key = f"evidence/{DAYS[1]}/control-0.json"
    later = datetime.now(UTC) + timedelta(days=20_000)
    s3.put_object(Bucket=s3.bucket, Key=key, Body=b"{}", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=later)  # fmt: skip
    done = put(root, s3)
    assert len(done.differing) == 1
    assert done.differing[0].startswith(f"{DAYS[1]}/control-0.json: here ")
    assert objects(s3)[key] == b"{}"
    s3.delete_object(Bucket=s3.bucket, Key=key)
    assert "at the destination missing" in put(root, s3).differing[0]


def test_an_object_without_its_lock_is_told(root, s3):
    put(root, s3, prefix="")
    data = (root / DAYS[0] / "control-0.json").read_bytes()
    s3.put_object(Bucket=s3.bucket, Key=f"{DAYS[0]}/control-0.json", Body=data)
    told = put(root, s3, prefix="").differing
    assert told == [
        f"at the destination, {DAYS[0]}/control-0.json: no lock in compliance mode, not until 2033-11-28"
    ]
    assert "locked until 2033-11-28, not until 2034-11-28" in put(root, s3, "8y", "").differing[0]


class KilledError(Exception):
    """From here on nothing is sent."""


class Dying(BucketDestination):
    left = 0

    def add(self, day, name, data):
        if not Dying.left:
            raise KilledError
        Dying.left -= 1
        super().add(day, name, data)


def test_a_kill_at_any_object_leaves_no_day_that_only_looks_whole(root, s3):
    files = files_of(root)
    for count in range(0, len(files), 3):
        prefix, Dying.left = f"p{count}", count
        with pytest.raises(KilledError):
            put(root, s3, prefix=prefix, kind=Dying)
        there = {key.split("/", 1)[1] for key in keys(s3, f"{prefix}/")}
        assert len(there) == count
        for day in DAYS[:3]:
            if f"{day}/SHA256SUMS" in there:
                assert {name for name in files if name.startswith(day)} <= there
        done = put(root, s3, prefix=prefix)
        assert (done.differing, done.there.faults) == ([], [])


def test_a_rest_of_something_else_is_not_built_upon(root, s3):
    s3.put_object(Bucket=s3.bucket, Key=f"evidence/{DAYS[0]}/control-0.json", Body=b"other")
    with pytest.raises(EvidenceError, match=rf"{DAYS[0]}/control-0.json: here [0-9a-f]{{64}}, at"):
        put(root, s3)


def test_old_days_are_locked_for_a_day_at_least(root, s3):
    now = round(datetime(2040, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
    assert put(root, s3, now=now).differing == []
    got = s3.head_object(Bucket=s3.bucket, Key=f"evidence/{DAYS[0]}/SHA256SUMS")
    assert f"{got['ObjectLockRetainUntilDate']:%Y-%m-%d}" == "2040-01-02"


def test_an_endpoint_that_is_no_address(s3, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "not an address")
    with pytest.raises(ParseError, match="can't ask S3: Invalid endpoint"):
        with BucketDestination.opened("s3://bucket/x", "7y", NOW):
            pass


def test_a_day_that_got_a_delete_marker_is_told(root, s3):
    """Object Lock keeps versions; that the newest is a marker is somebody's doing."""
    put(root, s3)
    for key in list(objects(s3)):
        if DAYS[1] in key:
            s3.delete_object(Bucket=s3.bucket, Key=key)
    done = put(root, s3)
    assert (done.copied, done.again, done.there.faults) == ([DAYS[1]], [DAYS[1]], [])
    assert put(root, s3).again == []


def test_what_is_no_place_for_a_copy(root, s3):
    s3.create_bucket(Bucket="without-a-lock")
    with pytest.raises(EvidenceError, match="no Object Lock"):
        with BucketDestination.opened("s3://without-a-lock/x", "7y", NOW):
            pass
    with pytest.raises(DeliveryError, match="NoSuchBucket"):
        with BucketDestination.opened("s3://not-there-at-all/x", "7y", NOW):
            pass
    with pytest.raises(ParseError, match="not a bucket"):
        with BucketDestination.opened("s3://", "7y", NOW):
            pass
    s3.put_object(Bucket=s3.bucket, Key="evidence/notes.txt", Body=b"mine")
    with pytest.raises(EvidenceError, match=r"notes\.txt"):
        put(root, s3)
