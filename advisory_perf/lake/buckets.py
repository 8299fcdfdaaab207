"""A lake on S3. Objects are listed by boto3, which hands on every key as it is; everything else goes through obstore.

obstore cannot be asked for a listing: one key that is no path to it (a control character, ``//``, ``..``) fails all of it. What is read
is held against the listing by size, tag and content, because a connection that ends early may look whole.
"""

import hashlib
import zlib
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import obstore
from obstore.store import S3Store

if TYPE_CHECKING:
    from obstore.store import S3Config

from advisory_perf.lake.objects import LakeFile, Listing, ObjectError, OddName, oddity_of

_NO_DIGEST = {"aws:kms", "aws:kms:dsse"}
_MD5_DIGITS = 32
_ANOTHER_LIES_THERE = {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED}


class Bucket:
    """The objects below one s3:// address; credentials come from the environment as for any AWS client."""

    def __init__(self, address: str, *, endpoint_url: str | None, region: str) -> None:
        self._address = address
        self._endpoint_url = endpoint_url
        self._region = region
        self._bucket, _, root = address.removeprefix("s3://").partition("/")
        self._root = f"{root}/" if root else ""

    @cached_property
    def _store(self) -> S3Store:
        config: S3Config = {"region": self._region}
        if self._endpoint_url:
            config["endpoint"] = self._endpoint_url
            config["virtual_hosted_style_request"] = False
        plain_http = bool(self._endpoint_url and self._endpoint_url.startswith("http://"))
        return S3Store.from_url(self._address, config=config, client_options={"allow_http": plain_http})

    @cached_property
    def _client(self) -> Any:  # boto3 has no types
        import boto3  # half a second that only those wait for who have a bucket
        from botocore.config import Config

        style = {"addressing_style": "path"} if self._endpoint_url else {}
        config = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 4}, s3=style)
        return boto3.session.Session().client("s3", region_name=self._region, endpoint_url=self._endpoint_url, config=config)

    def listing(self, prefix: str) -> Listing:
        """Every object below the prefix, once; keys that are no path are distinguished, and empty markers of folders are nothing."""
        files: dict[str, LakeFile] = {}
        odd: dict[str, OddName] = {}
        with _boto3_errors():
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._root + prefix)
            entries = [entry for page in pages for entry in page.get("Contents", [])]
        for found in entries:
            path = found["Key"].removeprefix(self._root)
            if path.endswith("/") and found["Size"] == 0:
                continue
            why = oddity_of(path)
            if why is None:
                files[path] = LakeFile(path, found["Size"], _second(found["LastModified"]), found["ETag"])
            else:
                odd[path] = OddName(path, why)
        return Listing([files[path] for path in sorted(files)], [odd[path] for path in sorted(odd)])

    def head(self, path: str) -> LakeFile:
        """The object at the path, without its bytes."""
        meta = obstore.head(self._store, path)
        return LakeFile(meta["path"], meta["size"], _second(meta["last_modified"]), meta["e_tag"] or "")

    def read(self, path: str, listed: LakeFile | None = None) -> bytes:
        """The object's bytes; of a ``listed`` one only if they are whole and those of that very object. ObjectError where they are not."""
        expected = listed or self.head(path)
        content = bytes(obstore.get(self._store, path, options={"if_match": expected.etag} if expected.etag else None).bytes())
        if len(content) != expected.size:
            raise ObjectError(f"{path} came with {len(content):,} of {expected.size:,} bytes")
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != expected.etag.strip('"'):
            self._compare(path, content, expected)
        return content

    def is_being_written(self, _path: str) -> bool:
        """Never: an object is there when all of it is."""
        return False

    def is_barred(self, _path: str) -> bool:
        """Never: rights are those of the bucket."""
        return False

    def write(self, path: str, content: bytes) -> None:
        """Writes an object whole, in place of any earlier one."""
        obstore.put(self._store, path, content)

    def rename(self, source: str, target: str) -> None:
        """Moves an object, in place of any that is at the target."""
        obstore.rename(self._store, source, target)

    def delete(self, path: str) -> None:
        """Deletes the object."""
        obstore.delete(self._store, path)

    def delete_listed(self, listed: LakeFile) -> bool:
        """Deletes the very object that was listed; false, and nothing deleted, where another lies there now.

        A store that knows no conditional deletion is trusted to have no other come between the look and the deletion.
        """
        from botocore.exceptions import ClientError

        try:
            if self.head(listed.path) != listed:
                return False
        except FileNotFoundError:
            return False
        with _boto3_errors():
            try:
                self._client.delete_object(Bucket=self._bucket, Key=self._root + listed.path, IfMatch=listed.etag)
            except ClientError as error:
                status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
                if status == HTTPStatus.NOT_IMPLEMENTED:
                    obstore.delete(self._store, listed.path)
                elif status in _ANOTHER_LIES_THERE:
                    return False
                else:
                    raise
        return True

    def _compare(self, path: str, content: bytes, expected: LakeFile) -> None:
        """An object's tag is no digest of it where it came in parts or is encrypted with a key: then by its checksum, if it has one."""
        with _boto3_errors():
            found = self._client.head_object(Bucket=self._bucket, Key=self._root + path, ChecksumMode="ENABLED")
        if (found["ContentLength"], found["ETag"]) != (expected.size, expected.etag):
            raise ObjectError(f"{path} has changed since it was listed")
        has_key = found.get("ServerSideEncryption") in _NO_DIGEST or "SSECustomerAlgorithm" in found
        is_digest = len(expected.etag.strip('"')) == _MD5_DIGITS and not has_key
        whole = found.get("ChecksumType") != "COMPOSITE"
        differs = [name for name, checksum in _checksums(content).items() if whole and found.get(name, checksum) != checksum]
        if is_digest or differs:
            raise ObjectError(f"{path} came with other bytes than it has by its {'ETag' if is_digest else differs[0]}")


@contextmanager
def _boto3_errors() -> Iterator[None]:
    """What boto3 raises, as OSError."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        yield
    except (BotoCoreError, ClientError, ResponseParserError) as error:
        raise OSError(str(error)) from error


def _checksums(content: bytes) -> dict[str, str]:
    return {
        "ChecksumSHA256": b64encode(hashlib.sha256(content).digest()).decode(),
        "ChecksumSHA1": b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode(),
        "ChecksumCRC32": b64encode(zlib.crc32(content).to_bytes(4, "big")).decode(),
    }


def _second(instant: datetime) -> datetime:
    """To the second, as a HEAD answers; some stores list fractions."""
    return instant.replace(microsecond=0)
