// Sends spans that are events, and one that is none, by the OpenTelemetry SDK for Node.js: OTLP over HTTP, JSON, gzip.
import { setTimeout as sleep } from 'node:timers/promises';
import { context, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { NodeSDK, resources, tracing } from '@opentelemetry/sdk-node';

const [url, source, count, pauseMs] = process.argv.slice(2);
const processor = new tracing.BatchSpanProcessor(new OTLPTraceExporter({ url: `${url}/v1/traces`, compression: 'gzip' }));
const resource = resources.resourceFromAttributes({ 'service.name': source, 'cloud.region': 'eu-west' });
const sdk = new NodeSDK({ spanProcessors: [processor], resource });
sdk.start();
const tracer = trace.getTracer('peers');
for (let n = 0; n < Number(count); n++) {
  const parent = tracer.startSpan('enroll');
  for (const type of ['enrollment.started', 'enrollment.completed']) {
    const attributes = {
      'event.name': type,
      'muster.attempt_id': `${source}-${n}`,
      'muster.factor_type': 'totp',
      'user.id': `user-${n}@example.org`,
    };
    tracer.startSpan('step', { attributes }, trace.setSpan(context.active(), parent)).end();
  }
  parent.end();
  await sleep(Number(pauseMs));
}
await processor.forceFlush();
await sdk.shutdown();
