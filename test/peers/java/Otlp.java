import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.context.Scope;
import io.opentelemetry.exporter.otlp.http.trace.OtlpHttpSpanExporter;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.export.BatchSpanProcessor;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Sends spans that are events, and one that is none, by the OpenTelemetry SDK for Java: OTLP over HTTP, protobuf, gzip. */
public final class Otlp {
  public static void main(String[] arguments) throws InterruptedException {
    var source = arguments[1];
    var exporter = OtlpHttpSpanExporter.builder().setEndpoint(arguments[0] + "/v1/traces").setCompression("gzip").build();
    var provider =
        SdkTracerProvider.builder()
            .setResource(Resource.create(Attributes.of(AttributeKey.stringKey("service.name"), source)))
            .addSpanProcessor(BatchSpanProcessor.builder(exporter).build())
            .build();
    var tracer = provider.get("peers");
    for (int n = 0; n < Integer.parseInt(arguments[2]); n++) {
      var parent = tracer.spanBuilder("enroll").startSpan();
      try (Scope ignored = parent.makeCurrent()) {
        for (var type : List.of("enrollment.started", "enrollment.completed"))
          tracer
              .spanBuilder("step")
              .setAttribute("event.name", type)
              .setAttribute("muster.attempt_id", source + "-" + n)
              .setAttribute("muster.factor_type", "totp")
              .setAttribute("user.id", "user-" + n + "@example.org")
              .startSpan()
              .end();
      }
      parent.end();
      Thread.sleep(Long.parseLong(arguments[3]));
    }
    if (!provider.forceFlush().join(30, TimeUnit.SECONDS).isSuccess()) throw new IllegalStateException("not everything was taken");
    provider.shutdown().join(10, TimeUnit.SECONDS);
  }
}
