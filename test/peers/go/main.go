// Peers in Go: the OpenTelemetry SDK (`otlp`) and clickhouse-go over HTTP, which Grafana's data source is made of (`clickhouse`).
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

func main() {
	log.SetFlags(0)
	ask := map[string]func(context.Context, []string) error{"otlp": sendSpans, "clickhouse": askTables}[os.Args[1]]
	if err := ask(context.Background(), os.Args[2:]); err != nil {
		log.Fatal(err)
	}
}

func sendSpans(ctx context.Context, args []string) error {
	address, source := args[0], args[1]
	count, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	pause, err := time.ParseDuration(args[3] + "ms")
	if err != nil {
		return err
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(address+"/v1/traces"), otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
	if err != nil {
		return err
	}
	resources := resource.NewSchemaless(attribute.String("service.name", source), attribute.String("cloud.region", "eu-west"))
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(resources))
	tracer := provider.Tracer("peers")
	for n := range count {
		attempt, parent := tracer.Start(ctx, "enroll")
		for _, kind := range []string{"enrollment.started", "enrollment.completed"} {
			_, step := tracer.Start(attempt, "step")
			step.SetAttributes(
				attribute.String("event.name", kind),
				attribute.String("muster.attempt_id", fmt.Sprintf("%s-%d", source, n)),
				attribute.String("muster.factor_type", "totp"),
				attribute.String("user.id", fmt.Sprintf("user-%d@example.org", n)),
			)
			step.End()
		}
		parent.End()
		time.Sleep(pause)
	}
	if err := provider.ForceFlush(ctx); err != nil {
		return err
	}
	return provider.Shutdown(ctx)
}

func askTables(ctx context.Context, args []string) error {
	address, key, source := args[0], args[1], args[2]
	method := map[string]clickhouse.CompressionMethod{"gzip": clickhouse.CompressionGZIP, "lz4": clickhouse.CompressionLZ4, "zstd": clickhouse.CompressionZSTD, "none": clickhouse.CompressionNone}[args[3]]
	at, err := url.Parse(address)
	if err != nil {
		return err
	}
	connection, err := clickhouse.Open(&clickhouse.Options{
		Addr:     []string{at.Host},
		Protocol: clickhouse.HTTP,
		Auth:     clickhouse.Auth{Database: "muster", Username: "muster", Password: key},
		Compression: &clickhouse.Compression{Method: method},
	})
	if err != nil {
		return err
	}
	defer connection.Close()
	rows, err := connection.Query(ctx, "SELECT result, toUInt64(count()) AS n FROM attempts WHERE source = {source:String} GROUP BY result ORDER BY result", clickhouse.Named("source", source))
	if err != nil {
		return err
	}
	told := struct {
		Rows    [][2]any `json:"rows"`
		Refused string   `json:"refused"`
	}{}
	for rows.Next() {
		var result string
		var count uint64
		if err := rows.Scan(&result, &count); err != nil {
			return err
		}
		told.Rows = append(told.Rows, [2]any{result, count})
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if err := connection.Exec(ctx, "SELECT file('/etc/passwd')"); err != nil {
		told.Refused = err.Error()
	}
	return json.NewEncoder(os.Stdout).Encode(told)
}
