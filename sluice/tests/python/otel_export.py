"""The OpenTelemetry Python SDK as people use it, with no word about Sluice: exports to its default endpoints.

usage: otel_export.py grpc|http delta|cumulative

Records a known set of measurements with three instruments of psutil and three of its own, flushes, and prints what it
recorded: {"metric": {"Route=/a": {"sum":…, "count":…}}}.
"""
import json
import random
import sys

import psutil
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider, ObservableCounter
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

protocol, temporality = sys.argv[1:3]
if protocol == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
else:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

chosen = AggregationTemporality.DELTA if temporality == "delta" else AggregationTemporality.CUMULATIVE
options = {"preferred_temporality": {kind: chosen for kind in (Counter, Histogram, ObservableCounter)}}
if protocol == "grpc":
    options["insecure"] = True  # the SDK's own default endpoint is http://localhost:4317
exporter = OTLPMetricExporter(**options)
reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
resource = Resource({"service.name": f"otel-{protocol}-{temporality}"})
provider = MeterProvider(metric_readers=[reader], resource=resource)
meter = provider.get_meter("shop", "1.0")

orders, latency = meter.create_counter("otel.orders"), meter.create_histogram("otel.latency_ms")
memory = psutil.virtual_memory().total
meter.create_observable_gauge("otel.memory_bytes", callbacks=[lambda options: [__import__("opentelemetry.metrics", fromlist=["Observation"]).Observation(memory, {"Host": "here"})]])

rnd = random.Random(4)
truth = {"otel.orders": {}, "otel.latency_ms": {}}
for flush in range(3):
    for _ in range(200):
        route = rnd.choice(["/a", "/b", "/c"])
        amount, took = rnd.randrange(1, 5), rnd.randrange(1, 900)
        orders.add(amount, {"Route": route})
        latency.record(took, {"Route": route})
        order = truth["otel.orders"].setdefault(f"Route={route}", {"sum": 0})
        order["sum"] += amount
        slow = truth["otel.latency_ms"].setdefault(f"Route={route}", {"sum": 0, "count": 0})
        slow["sum"] += took
        slow["count"] += 1
    assert provider.force_flush(30_000)
provider.shutdown()
truth["otel.memory_bytes"] = {"Host=here": {"max": memory}}
json.dump(truth, sys.stdout)
