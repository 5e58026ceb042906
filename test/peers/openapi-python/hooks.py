"""Bodies that schemathesis cannot write by itself: text stays as it is, and anything else goes as JSON."""

import json

import schemathesis


@schemathesis.serializer("application/x-ndjson", "application/x-protobuf")
def text(context, value):
    return (value if isinstance(value, str) else json.dumps(value)).encode(errors="replace")
