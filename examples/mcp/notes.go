package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/functions"
	"github.com/tieline/tieline/mcp"
	"github.com/tieline/tieline/store"
)

type search struct {
	Text string `json:"text" minLength:"1" description:"what the notes have in them"`
}

type found struct {
	Notes []string `json:"notes"`
}

// searchNotes is the tool: a Go function with the credentials of one connection.
func searchNotes(ctx context.Context, call *functions.Call, in search) (found, error) {
	var out found
	err := call.Get(ctx, "/notes?text="+url.QueryEscape(in.Text), &out.Notes)
	return out, err
}

// tools are the functions of each provider.
func tools() map[string][]*functions.Function {
	return map[string][]*functions.Function{"notes": {
		functions.Define("notes.search", searchNotes, functions.Options{Description: "Finds notes by a word in them."}),
	}}
}

// connections are those of the one user that there is.
func connections() []mcp.Connection {
	return []mcp.Connection{
		{Target: functions.Target{Integration: "notes", Connection: "home"}, Label: "private"},
		{Target: functions.Target{Integration: "notes", Connection: "work"}, Label: "shared with the team"},
	}
}

// connected is a Client with two accounts of the service at a URL.
func connected(ctx context.Context, api string) (*tieline.Client, error) {
	catalog, problems := tieline.LoadCatalog(tieline.CatalogFile{Name: "notes.yaml", Data: []byte(`
notes:
  display_name: Notes
  docs: https://example.com
  auth_mode: API_KEY
  proxy:
    base_url: ` + api + `
    headers: {authorization: "Bearer ${apiKey}"}
`)})
	if len(problems) > 0 {
		return nil, errors.New(problems[0].String())
	}
	keys, err := tieline.ParseKeyring(tieline.GenerateKey())
	if err != nil {
		return nil, err
	}
	client, err := tieline.New(tieline.Config{
		Store: &store.Memory{}, Keys: keys, Providers: catalog,
		Outbound: tieline.Outbound{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	})
	if err != nil {
		return nil, err
	}
	if _, err := client.Integrations.Create(ctx, tieline.Integration{Key: "notes", Provider: "notes"}); err != nil {
		return nil, err
	}
	for _, conn := range connections() {
		key := tieline.ConnectionInput{Credential: &tieline.APIKey{Key: tieline.NewSecret("key-of-" + conn.Connection)}}
		if _, err := client.Connections.Create(ctx, conn.Integration, conn.Connection, key); err != nil {
			return nil, err
		}
	}
	return client, nil
}

// serveNotes is the service. Each key has notes of its own.
func serveNotes(w http.ResponseWriter, r *http.Request) {
	all := map[string][]string{
		"Bearer key-of-home": {"Buy green tea", "Water the plants"},
		"Bearer key-of-work": {"Tea kitchen: mend the kettle", "Tea with the auditors on Monday"},
	}[r.Header.Get("Authorization")]
	notes := []string{}
	for _, note := range all {
		if strings.Contains(strings.ToLower(note), r.URL.Query().Get("text")) {
			notes = append(notes, note)
		}
	}
	json.NewEncoder(w).Encode(notes)
}
