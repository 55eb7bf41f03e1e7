package tieline_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/store"
)

// ticketMode is a sign-in that no built-in mode knows: a PIN is traded for a ticket
// that goes into a header of its own and is good for an hour.
type ticketMode struct{}

func (m ticketMode) Create(ctx context.Context, s *tieline.Subject) (tieline.Grant, error) {
	return m.Refresh(ctx, s)
}

func (ticketMode) CanRefresh(*tieline.Subject) bool { return true }

func (ticketMode) Refresh(ctx context.Context, s *tieline.Subject) (tieline.Grant, error) {
	pin := s.Credential().(*tieline.Fields).Values["pin"]
	body := strings.NewReader(`{"pin":"` + pin.Reveal() + `"}`)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Config("server")+"/tickets", body)
	if err != nil {
		return tieline.Grant{}, err
	}
	resp, err := s.Do(req)
	if err != nil {
		return tieline.Grant{}, &tieline.TokenError{Class: tieline.ClassTransient, Err: err}
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return tieline.Grant{}, &tieline.TokenError{Class: tieline.ClassPermanent, Status: resp.StatusCode}
	}
	var answer struct{ Ticket string }
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&answer); err != nil {
		return tieline.Grant{}, &tieline.TokenError{Class: tieline.ClassTransient, Status: resp.StatusCode}
	}
	return tieline.Grant{Credential: &tieline.Fields{
		Mode:      "X_TICKET",
		Values:    map[string]tieline.Secret{"pin": pin, "token": tieline.NewSecret(answer.Ticket)},
		ExpiresAt: s.Now().Add(time.Hour),
	}}, nil
}

func (ticketMode) Attach(_ context.Context, s *tieline.Subject, req *http.Request) error {
	req.Header.Set("X-Ticket", s.Credential().(*tieline.Fields).Values["token"].Reveal())
	return nil
}

const ticketProvider = `
library:
  display_name: Library
  auth_mode: X_TICKET
  docs: https://example.com
  connection_config:
    server: {type: string, title: Server, format: uri}
  proxy: {base_url: "${connectionConfig.server}"}
`

// An application brings a way to sign in of its own. The refreshing, the sealing,
// the leases and everything else are as for the built-in ones.
func ExampleMode() {
	ctx := context.Background()
	library := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/tickets" {
			fmt.Fprint(w, `{"ticket":"T-1"}`)
			return
		}
		fmt.Fprint(w, "books for ", r.Header.Get("X-Ticket"))
	}))
	defer library.Close()
	catalog, _ := tieline.LoadCatalog(tieline.CatalogFile{Name: "library.yaml", Data: []byte(ticketProvider)})
	keys, err := tieline.ParseKeyring(tieline.GenerateKey())
	check(err)
	client, err := tieline.New(tieline.Config{
		Store: &store.Memory{}, Keys: keys, Providers: catalog,
		Modes:    map[tieline.AuthMode]tieline.Mode{"X_TICKET": ticketMode{}},
		Outbound: tieline.Outbound{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	})
	check(err)
	defer client.Close(ctx)
	_, err = client.Integrations.Create(ctx, tieline.Integration{Key: "library", Provider: "library"})
	check(err)
	_, err = client.Connections.Create(ctx, "library", "alice", tieline.ConnectionInput{
		Credential: &tieline.Fields{Mode: "X_TICKET", Values: map[string]tieline.Secret{"pin": tieline.NewSecret("1234")}},
		Config:     map[string]string{"server": library.URL},
	})
	check(err)
	resp, err := client.Connections.HTTPClient("library", "alice").Get("/books")
	check(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	check(err)
	fmt.Println(string(text))
	// Output: books for T-1
}
