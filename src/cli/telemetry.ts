/** Where spans of the core go: to Muster itself, where the trace of an attempt is seen beside its events, or to another collector. */
import { type DiagLogger, DiagLogLevel, diag } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { NodeSDK, resources } from '@opentelemetry/sdk-node';
import { sayOnce } from '../system/repeat.ts';

const STOP_MS = 1_000;

export interface Telemetry {
  /** Hands over what still waits, and ends; not for long. */
  stop(): Promise<void>;
}

/** Starts the OpenTelemetry SDK of this process. @param collector its address, without the path, and what it wants to see */
export function startTelemetry({
  collector,
  headers,
  version,
  instance,
  onProblem,
}: {
  collector: string;
  headers: Record<string, string>;
  version: string;
  instance: string;
  onProblem: (message: string) => void;
}): Telemetry {
  const said = sayOnce(onProblem);
  const tell = (message: string) => said.failed(new Error(`spans of the core: ${message}`));
  const nothing = () => {};
  const logger: DiagLogger = { error: tell, warn: nothing, info: nothing, debug: nothing, verbose: nothing };
  diag.setLogger(logger, { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true });
  const sdk = new NodeSDK({
    resource: resources.resourceFromAttributes({
      'service.name': 'muster-core',
      'service.version': version,
      'service.instance.id': instance,
    }),
    autoDetectResources: false,
    traceExporter: new OTLPTraceExporter({ url: `${collector}/v1/traces`, headers }),
    metricReaders: [],
    logRecordProcessors: [],
    instrumentations: [],
  });
  sdk.start();
  return {
    async stop() {
      const waited = new Promise((resolve) => setTimeout(resolve, STOP_MS).unref());
      await Promise.race([sdk.shutdown().catch(nothing), waited]);
    },
  };
}
