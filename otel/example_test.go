package tielineotel_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/tieline/tieline"
	tielineotel "github.com/tieline/tieline/otel"
	"github.com/tieline/tieline/store"
)

// A Client whose operations are spans and metrics. An application that has set the
// global providers leaves the Options empty.
func Example() {
	ctx := context.Background()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "{}") }))
	defer api.Close()
	catalog, _ := tieline.LoadCatalog(tieline.CatalogFile{Name: "own.yaml", Data: []byte(
		"acme:\n  display_name: Acme\n  docs: https://example.com\n  auth_mode: API_KEY\n" +
			"  proxy: {base_url: '" + api.URL + "', headers: {authorization: 'Bearer ${apiKey}'}}\n")})

	spans := tracetest.NewInMemoryExporter()
	telemetry, err := tielineotel.New(tielineotel.Options{TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))})
	check(err)
	keys, err := tieline.ParseKeyring(tieline.GenerateKey())
	check(err)
	client, err := tieline.New(tieline.Config{
		Store:     telemetry.Store(&store.Memory{}),
		Keys:      keys,
		Providers: catalog,
		Outbound:  tieline.Outbound{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
		Tracer:    telemetry,
		OnEvent: func(ctx context.Context, e tieline.Event) {
			telemetry.OnEvent(ctx, e)
			fmt.Println("event:", e.Type)
		},
	})
	check(err)
	registration, err := telemetry.Watch(client.Health)
	check(err)
	defer registration.Unregister()

	_, err = client.Integrations.Create(ctx, tieline.Integration{Key: "acme", Provider: "acme"})
	check(err)
	_, err = client.Connections.Create(ctx, "acme", "alice", tieline.ConnectionInput{Credential: &tieline.APIKey{Key: tieline.NewSecret("k3y")}})
	check(err)
	resp, err := client.Connections.HTTPClient("acme", "alice").Get("/me")
	check(err)
	check(resp.Body.Close())
	check(client.Close(ctx))
	for _, s := range spans.GetSpans() {
		fmt.Println("span:", s.Name)
	}
	// Output:
	// event: connection.created
	// span: tieline.connect
	// span: tieline.api_call
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
