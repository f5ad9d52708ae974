# SPDX-License-Identifier: Apache-2.0
"""An object store that knows buckets, PUT, HEAD, GET and DELETE, and believes every signature."""

from urllib.parse import urlsplit

from standin_http import Standin

_XML = {"Content-Type": "application/xml"}
_LOCATION = (b'<?xml version="1.0"?><LocationConstraint '
             b'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></LocationConstraint>')


def decode_chunked_upload(body):
    """Undoes aws-chunked: `<hex size>;chunk-signature=...\\r\\n<data>\\r\\n`, ended by size 0."""
    data, at = b"", 0
    while True:
        end = body.index(b"\r\n", at)
        size = int(body[at:end].split(b";")[0], 16)
        if size == 0:
            return data
        data += body[end + 2:end + 2 + size]
        at = end + 2 + size + 2


def _error(status, code):
    text = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{code}</Message></Error>'
    return status, _XML, text.encode()


class ObjectStore(Standin):
    """`objects` holds {(bucket, key): content}; `buckets` the names made."""

    def __init__(self):
        self.buckets = set()
        self.objects = {}
        super().__init__()

    def refusal(self, status):
        return _error(status, "AccessDenied")

    def answer(self, request):
        bucket, _, key = urlsplit(request.path).path.lstrip("/").partition("/")
        if key:
            return self._answer_object(request, bucket, key)
        if request.command == "PUT":
            self.buckets.add(bucket)
        elif "location" in urlsplit(request.path).query:
            return 200, _XML, _LOCATION
        elif bucket not in self.buckets:
            return _error(404, "NoSuchBucket")
        return 200, {}, b""

    def _answer_object(self, request, bucket, key):
        if request.command == "PUT":
            body = request.body
            if "aws-chunked" in request.headers.get("Content-Encoding", "") or \
                    "STREAMING" in request.headers.get("X-Amz-Content-Sha256", ""):
                body = decode_chunked_upload(body)
            self.objects[bucket, key] = body
            return 200, {"ETag": f'"{len(body):032x}"'}, b""
        if request.command == "DELETE":
            self.objects.pop((bucket, key), None)
            return 204, {}, b""
        if (bucket, key) not in self.objects:
            return _error(404, "NoSuchKey")
        return 200, {"ETag": '"0"'}, self.objects[bucket, key]
