"""A lake on S3, over real HTTP, with a proxy between that makes things go wrong."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from advisory_perf.errors import LakeError
from advisory_perf.lake.buckets import Bucket
from advisory_perf.lake.objects import LakeFile
from advisory_perf.lake.store import Lake
from advisory_perf_tests.proxies import Faults, S3Proxy, an_s3_proxy

ROWS = b"id,day\nA,1\nB,2\nC,3\n"


@pytest.fixture
def proxy(s3: str) -> Iterator[S3Proxy]:
    with an_s3_proxy(s3) as made:
        yield made


@pytest.fixture
def lake(proxy: S3Proxy) -> Lake:
    return Lake("s3://lake/performance", endpoint_url=proxy.url)


def client(s3: str) -> Any:
    return boto3.client("s3", endpoint_url=s3, region_name="us-east-1")


def test_the_empty_markers_of_folders_are_nothing(s3: str, lake: Lake) -> None:
    for key in ("incoming/", "incoming/acme/", "incoming/acme/sub/"):
        client(s3).put_object(Bucket="lake", Key=f"performance/{key}", Body=b"")
    listing = lake.listing("incoming/")
    assert (listing.files, listing.odd) == ([], [])


def test_any_plain_key_is_written_listed_read_and_deleted(lake: Lake) -> None:
    for name in ("x.csv#1", "#1", "x%2F.csv", "ü ß.csv", "x?*.csv", "x+y&z.csv", "-rf", "a=b.csv"):
        path = f"archive/acme/{name}"
        lake.keep(path, ROWS)
        (listed,) = lake.files("archive/")
        assert (listed.path, lake.head(path)) == (path, listed)
        assert lake.read_listed(listed) == ROWS
        assert lake.delete_listed(listed)
        assert not lake.exists(path)


def test_a_body_that_ends_early_with_a_length_that_fits_it_is_an_error(lake: Lake, proxy: S3Proxy) -> None:
    lake.write("incoming/acme/x.csv", ROWS)
    (listed,) = lake.files("incoming/")
    proxy.faults = Faults(short_bodies=1)
    with pytest.raises(LakeError, match="came with 11 of 19 bytes"):
        lake.read_listed(listed)
    with pytest.raises(LakeError, match="came with 11 of 19 bytes"):
        lake.read(listed.path)
    with pytest.raises(LakeError, match="came with 11 of 19 bytes"):
        lake.keep("archive/acme/x.csv", ROWS)
    proxy.faults = Faults()
    assert lake.read_listed(listed) == ROWS
    assert proxy.met == {"short_bodies": 3}


def damage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every object comes with other bytes, as many as it has."""

    class Answer:
        def bytes(self) -> bytes:
            return ROWS.replace(b"2", b"3")

    monkeypatch.setattr("obstore.get", lambda *_, **__: Answer())


def test_an_encrypted_objects_tag_is_no_digest_and_its_checksum_tells(s3: str, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moto.s3.models.FakeKey.etag", property(lambda _: f'"{"f" * 32}"'))
    place = {"Bucket": "lake", "Key": "performance/incoming/acme/x.csv", "Body": ROWS, "ChecksumAlgorithm": "SHA256"}
    client(s3).put_object(**place)
    with pytest.raises(LakeError, match="by its ETag"):
        lake.read_listed(*lake.files("incoming/"))
    client(s3).put_object(**place, ServerSideEncryption="aws:kms")
    assert lake.read_listed(*lake.files("incoming/")) == ROWS
    damage(monkeypatch)
    with pytest.raises(LakeError, match="by its ChecksumSHA256"):
        lake.read_listed(*lake.files("incoming/"))


def test_other_bytes_of_the_same_length_are_an_error(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.write("incoming/acme/x.csv", ROWS)
    (listed,) = lake.files("incoming/")
    damage(monkeypatch)
    with pytest.raises(LakeError, match="other bytes than it has by its ETag"):
        lake.read_listed(listed)


def put_in_parts(s3: str, content: bytes) -> None:
    """One part is enough for a tag that is no digest."""
    s3_client, place = client(s3), {"Bucket": "lake", "Key": "performance/incoming/acme/x.csv"}
    upload = s3_client.create_multipart_upload(**place)["UploadId"]
    tag = s3_client.upload_part(**place, UploadId=upload, PartNumber=1, Body=content)["ETag"]
    s3_client.complete_multipart_upload(**place, UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]})


def test_an_object_in_parts_is_read_though_its_tag_is_no_digest(s3: str, lake: Lake) -> None:
    put_in_parts(s3, ROWS)
    (listed,) = lake.files("incoming/")
    assert listed.etag.endswith('-1"')
    assert lake.read_listed(listed) == ROWS
    assert lake.delete_listed(listed)


@pytest.mark.parametrize(("kind", "is_read"), [("COMPOSITE", True), ("FULL_OBJECT", False)])
def test_a_checksum_of_the_parts_checksums_is_none_of_the_bytes(
    s3: str, lake: Lake, monkeypatch: pytest.MonkeyPatch, kind: str, *, is_read: bool
) -> None:
    put_in_parts(s3, ROWS)
    (listed,) = lake.files("incoming/")
    s3_client = client(s3)

    def head_object(**place: str) -> dict[str, Any]:
        return {**s3_client.head_object(**place), "ChecksumType": kind, "ChecksumSHA256": "of other bytes"}

    monkeypatch.setitem(vars(lake._store), "_client", SimpleNamespace(head_object=head_object))  # noqa: SLF001
    if is_read:
        assert lake.read_listed(listed) == ROWS
    else:
        with pytest.raises(LakeError, match="other bytes than it has by its ChecksumSHA256"):
            lake.read_listed(listed)


@pytest.mark.parametrize("later", [ROWS + b"D,4\n", ROWS.replace(b"2", b"3")], ids=["longer", "as long"])
def test_bytes_are_not_compared_with_the_checksum_of_a_later_object(
    s3: str, lake: Lake, monkeypatch: pytest.MonkeyPatch, later: bytes
) -> None:
    """It comes between the bytes and the look at the checksum, which is that of what was never read."""
    put_in_parts(s3, ROWS)
    (listed,) = lake.files("incoming/")
    s3_client = client(s3)

    def head_object(**place: str) -> Any:
        put_in_parts(s3, later)
        return s3_client.head_object(**place)

    monkeypatch.setitem(vars(lake._store), "_client", SimpleNamespace(head_object=head_object))  # noqa: SLF001
    with pytest.raises(LakeError, match="has changed since it was listed"):
        lake.read_listed(listed)


def test_an_object_that_is_not_the_one_that_was_listed_is_neither_read_nor_deleted(lake: Lake) -> None:
    lake.write("incoming/acme/x.csv", ROWS)
    (listed,) = lake.files("incoming/")
    lake.write("incoming/acme/x.csv", ROWS.replace(b"2", b"3"))
    with pytest.raises(LakeError, match=r"incoming/acme/x\.csv"):
        lake.read_listed(listed)
    assert not lake.delete_listed(listed)
    assert lake.exists(listed.path)


@pytest.mark.parametrize("content", [ROWS.replace(b"2", b"3"), None], ids=["another object", "nothing"])
def test_what_takes_an_objects_place_between_the_look_and_the_deletion_is_not_deleted(
    s3: str, lake: Lake, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    head, place = Bucket.head, {"Bucket": "lake", "Key": "performance/incoming/acme/x.csv"}

    def head_and_swap(bucket: Bucket, path: str) -> LakeFile:
        found = head(bucket, path)
        client(s3).put_object(**place, Body=content) if content else client(s3).delete_object(**place)
        return found

    lake.write("incoming/acme/x.csv", ROWS)
    (listed,) = lake.files("incoming/")
    with monkeypatch.context() as patched:
        patched.setattr(Bucket, "head", head_and_swap)
        assert not lake.delete_listed(listed)
    assert [lake.read(file.path) for file in lake.files("incoming/")] == ([content] if content else [])


def refusing(status: int) -> SimpleNamespace:
    """A client whose deletions are refused with the status."""

    def refuse(**_: object) -> None:
        raise ClientError({"Error": {"Code": "Refused"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "DeleteObject")

    return SimpleNamespace(delete_object=refuse)


@pytest.mark.parametrize(("status", "is_there"), [(501, False), (403, True), (500, True)])
def test_a_store_without_conditional_deletion_deletes_all_the_same(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, status: int, *, is_there: bool
) -> None:
    lake.write("incoming/acme/x.csv", ROWS)
    (listed,) = lake.files("incoming/")
    monkeypatch.setitem(vars(lake._store), "_client", refusing(status))  # noqa: SLF001
    if is_there:
        with pytest.raises(LakeError, match="Refused"):
            lake.delete_listed(listed)
    else:
        assert lake.delete_listed(listed)
    monkeypatch.undo()
    assert lake.exists(listed.path) is is_there


def test_without_conditional_deletion_nothing_is_deleted_that_is_seen_to_be_another_object(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.write("incoming/acme/x.csv", ROWS)
    (listed,) = lake.files("incoming/")
    lake.write("incoming/acme/x.csv", ROWS.replace(b"2", b"3"))
    monkeypatch.setitem(vars(lake._store), "_client", refusing(501))  # noqa: SLF001
    assert not lake.delete_listed(listed)
    monkeypatch.undo()
    assert lake.read(listed.path) == ROWS.replace(b"2", b"3")


def test_a_doubled_listing_has_every_object_once(lake: Lake, proxy: S3Proxy) -> None:
    lake.write("incoming/acme/x.csv", ROWS)
    proxy.faults = Faults(doubled_listings=1)
    assert [file.name for file in lake.files("incoming/")] == ["x.csv"]
    assert proxy.met == {"doubled_listings": 1}


def test_a_stale_listing_gives_no_bytes_of_another_object(lake: Lake, proxy: S3Proxy) -> None:
    lake.write("incoming/acme/x.csv", ROWS)
    assert len(lake.files("incoming/")) == 1
    lake.write("incoming/acme/x.csv", ROWS.replace(b"2", b"3"))
    proxy.faults = Faults(stale_listings=1)
    (stale,) = lake.files("incoming/")
    with pytest.raises(LakeError, match=r"incoming/acme/x\.csv"):
        lake.read_listed(stale)


@pytest.mark.parametrize("fault", ["internal_errors", "slow_downs", "resets", "lost_answers"])
def test_a_store_that_fails_now_and_then_is_asked_again(lake: Lake, proxy: S3Proxy, fault: str) -> None:
    setattr(proxy.faults, fault, 0.15)
    for number in range(12):
        lake.keep(f"archive/acme/{number}.csv", ROWS)
    assert len(lake.files("archive/")) == 12
    assert proxy.met[fault] > 0
