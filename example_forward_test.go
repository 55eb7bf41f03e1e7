package tieline_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/providertest"
	"github.com/tieline/tieline/store"
)

// genuine says whether a request is from the forwarder. Receivers in any language can
// use a library for Standard Webhooks instead.
func genuine(secret tieline.Secret, h http.Header, body []byte) bool {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret.Reveal(), "whsec_"))
	if err != nil {
		return false
	}
	seconds, err := strconv.ParseInt(h.Get("webhook-timestamp"), 10, 64)
	if err != nil || time.Since(time.Unix(seconds, 0)).Abs() > 5*time.Minute {
		return false
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%d.%s", h.Get("webhook-id"), seconds, body)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	return slices.ContainsFunc(strings.Fields(h.Get("webhook-signature")), func(s string) bool {
		return hmac.Equal([]byte(s), []byte(want))
	})
}

// forwarding is a Client that forwards to one receiver on loopback. connectKey makes a
// connection with an API key.
func forwarding(receiver http.Handler, secret tieline.Secret, onEvent func(context.Context, tieline.Event)) (client *tieline.Client, connectKey, end func()) {
	server := httptest.NewServer(receiver)
	provider, err := providertest.Start(providertest.Options{})
	check(err)
	catalog, _ := tieline.LoadCatalog(tieline.CatalogFile{Name: "acme.yaml", Data: provider.ProvidersYAML()})
	keys, err := tieline.ParseKeyring(tieline.GenerateKey())
	check(err)
	client, err = tieline.New(tieline.Config{
		Store: &store.Memory{}, Keys: keys, Providers: catalog, OnEvent: onEvent,
		Forward:  tieline.Forward{URLs: []string{server.URL}, Secrets: []tieline.Secret{secret}},
		Outbound: tieline.Outbound{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	})
	check(err)
	connectKey = func() {
		_, err := client.Integrations.Create(context.Background(), tieline.Integration{Key: "acme", Provider: "acme-key"})
		check(err)
		key := &tieline.APIKey{Key: tieline.NewSecret(provider.Credentials().APIKey)}
		_, err = client.Connections.Create(context.Background(), "acme", "alice", tieline.ConnectionInput{Credential: key})
		check(err)
	}
	return client, connectKey, func() { provider.Close(); server.Close() }
}

// A service hears of new connections, and of webhooks in the same way. It checks who
// says so, and answers 2xx once it has what it needs.
func ExampleForward() {
	ctx := context.Background()
	secret := tieline.NewForwardSecret()
	client, connectKey, end := forwarding(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || !genuine(secret, r.Header, body) {
			http.Error(w, "not from the forwarder", http.StatusUnauthorized)
			return
		}
		var message struct {
			Type, Operation, ProviderConfigKey, ConnectionID string
			Success                                          bool
		}
		check(json.Unmarshal(body, &message))
		fmt.Println(message.Type, message.Operation, message.ProviderConfigKey, message.ConnectionID, message.Success)
	}), secret, nil)
	defer end()

	connectKey()
	check(client.Close(ctx)) // waits for what is under way; Run makes up for what failed
	// Output: auth creation acme alice true
}

// What a receiver does not take in the end is kept for somebody to look at.
func ExampleForwards() {
	ctx := context.Background()
	var works atomic.Bool
	failed := make(chan *tieline.ForwardError, 1)
	client, connectKey, end := forwarding(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !works.Load() {
			w.WriteHeader(http.StatusGone) // "do not try again"
		}
	}), tieline.NewForwardSecret(), func(_ context.Context, e tieline.Event) {
		var failure *tieline.ForwardError
		if errors.As(e.Err, &failure) { // EventForwardFailed
			failed <- failure
		}
	})
	defer end()
	connectKey()

	failure := <-failed
	for f, err := range client.Forwards.Failed(ctx) {
		check(err)
		fmt.Println(f.Type, f.Integration, f.Connection, f.Attempts, f.Reason)
	}
	works.Store(true)
	check(client.Forwards.Retry(ctx, failure.ID))
	check(client.Close(ctx))
	for range client.Forwards.Failed(ctx) {
		fmt.Println("left")
	}
	// Output: connection.created acme alice 1 status 410
}
