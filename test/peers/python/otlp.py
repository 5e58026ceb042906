"""Sends spans that are events, and one that is none, by the OpenTelemetry SDK for Python: OTLP over HTTP, protobuf, gzip."""

import sys
import time

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

url, source, count, pause_seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]) / 1_000
provider = TracerProvider(resource=Resource.create({"service.name": source, "cloud.region": "eu-west"}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{url}/v1/traces", compression=Compression.Gzip)))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("peers")
for n in range(count):
    with tracer.start_as_current_span("enroll") as parent:
        for kind in ("enrollment.started", "enrollment.completed"):
            attributes = {"event.name": kind, "muster.attempt_id": f"{source}-{n}", "muster.factor_type": "totp", "user.id": f"user-{n}@example.org"}
            with tracer.start_as_current_span("step", attributes=attributes):
                pass
        parent.set_attribute("attempt", n)
    time.sleep(pause_seconds)
if not provider.force_flush(30_000):
    sys.exit("not everything was taken")
provider.shutdown()
