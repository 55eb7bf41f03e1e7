package tieline

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/tieline/tieline/internal/jsonpath"
	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/internal/webhook"
	"github.com/tieline/tieline/store"
)

// A webhook is about the connections that have one of its values: a team, a shop,
// an installation. Such values are sealed in a connection's row, or somewhere in its
// metadata, so the row has a label for each: a MAC under a key of the integration's,
// by which it is found without a look at every other.
const (
	labelWebhook   = "webhook:"
	labelOwnSecret = labelWebhook + "own-secret" // the connection has a webhook secret of its own
)

const (
	// maxClaims bounds what is looked up on the word of a delivery that may be from
	// anybody, and maxTried how many connections' own secrets it is tried with.
	maxClaims = 20
	maxTried  = 1000
)

// webhookLabels are the labels of a connection by which webhooks find it.
func (c *core) webhookLabels(i *integration, public *record.Public, p *private) []string {
	var labels []string
	if p.secrets[ownWebhookSecret] != "" {
		labels = append(labels, labelOwnSecret)
	}
	for _, rule := range c.verifier(i.entry).Rules() {
		switch {
		case rule.Config != "":
			for _, values := range []map[string]string{public.Config, p.secrets, p.captured} {
				if v := values[rule.Config]; v != "" {
					labels = append(labels, i.webhookLabel(webhook.InConfig, rule.Config, v))
					break
				}
			}
		case rule.Metadata != "":
			for _, v := range metadataValues(public.Metadata, rule.Metadata) {
				labels = append(labels, i.webhookLabel(webhook.InMetadata, rule.Metadata, v))
			}
		}
	}
	return labels
}

// metadataValues are what the application's metadata has at a path: one value, or a
// list of them.
func metadataValues(metadata json.RawMessage, at string) []string {
	var tree any
	if len(metadata) == 0 || json.Unmarshal(metadata, &tree) != nil {
		return nil
	}
	found := jsonpath.At(tree, at)
	list, ok := found.([]any)
	if !ok {
		list = []any{found}
	}
	var out []string
	for _, v := range list {
		if text, ok := jsonpath.Text(v); ok && text != "" {
			out = append(out, text)
		}
	}
	return out
}

// webhookLabel is the label of one value.
func (i *integration) webhookLabel(in webhook.In, key, value string) string {
	mac := hmac.New(sha256.New, i.private.webhooks.index)
	for _, part := range []string{string(in), key, value} {
		mac.Write([]byte(part))
		mac.Write([]byte{0}) // which is in none of them
	}
	return labelWebhook + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

// relabel is labels in which those for webhooks are made anew.
func (c *core) relabel(ctx context.Context, row store.Row, rec *record.Connection, public *record.Public, p *private) ([]string, error) {
	i, err := c.integrationByID(ctx, row.Parent)
	if err != nil {
		return nil, err
	}
	return labelsOf(&rec.State, public, c.webhookLabels(i, public, p)), nil
}

// isWebhookLabel tells the labels for webhooks from others.
func isWebhookLabel(label string) bool { return strings.HasPrefix(label, labelWebhook) }

// named are the connections that a delivery names, each once.
func (in *inbound) named(ctx context.Context, id string, matches []webhook.Match) ([]connection, error) {
	found := map[string]connection{}
	if id != "" && checkConnectionID("connection", id) == nil {
		row, err := store.GetUnique(ctx, in.store, kindConnection, store.JoinPath(in.integration.row.ID, id))
		if err == nil {
			in.note(ctx, found, row)
		} else if !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
	}
	for _, m := range matches {
		if err := in.listInto(ctx, found, in.matchLabel(m), 0); err != nil {
			return nil, err
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b connection) int { return strings.Compare(a.row.ID, b.row.ID) }), nil
}

func (in *inbound) matchLabel(m webhook.Match) string {
	if m.In == webhook.InTag {
		return tagLabel(m.Key, m.Value)
	}
	return in.integration.webhookLabel(m.In, m.Key, m.Value)
}

// withOwnSecret are connections that have a webhook secret of their own.
func (in *inbound) withOwnSecret(ctx context.Context) ([]connection, error) {
	found := map[string]connection{}
	err := in.listInto(ctx, found, labelOwnSecret, maxTried)
	return slices.Collect(maps.Values(found)), err
}

// listInto adds the connections of the integration that have a label: all, or as
// many as limit says.
func (in *inbound) listInto(ctx context.Context, found map[string]connection, label string, limit int) error {
	for row, err := range in.rows(ctx, store.Query{Kind: kindConnection, Parent: in.integration.row.Key, Labels: []string{label}}) {
		if err != nil {
			return err
		}
		in.note(ctx, found, row)
		if limit > 0 && len(found) >= limit {
			in.log.LogAttrs(ctx, slog.LevelWarn, "a webhook was tried with the secrets of some connections only",
				slog.String(keyIntegration, in.integration.row.Unique), slog.Int(keyCount, limit))
			return nil
		}
	}
	return nil
}

func (in *inbound) note(ctx context.Context, found map[string]connection, row store.Row) {
	rec, err := record.ParseConnection(row.Data)
	if err != nil {
		in.unreadable(ctx, row, err)
		return
	}
	found[row.ID] = connection{row: row, rec: rec}
}

func (in *inbound) unreadable(ctx context.Context, row store.Row, err error) {
	in.log.LogAttrs(ctx, slog.LevelWarn, "a connection cannot be read, and gets no webhooks",
		slog.String(keyIntegration, in.integration.row.Unique), slog.String(keyConnection, connectionID(row)), errorAttr(translate(err)))
}

// connections are those that a delivery is about.
func (in *inbound) connections(ctx context.Context, result webhook.Result) ([]Connection, error) {
	found, err := in.resolve(ctx, result)
	if err != nil {
		return nil, err
	}
	var out []Connection
	for _, s := range found {
		conn, err := s.value(in.integration.row.Unique, nil)
		if err != nil {
			in.unreadable(ctx, s.row, err)
			continue
		}
		out = append(out, conn)
	}
	return out, nil
}

// resolve finds the connections. Whose own secret signed is the one that counts:
// with it, its owner could sign what names any other. Otherwise it is those that
// have the values in the body; an ID that stands in the URL or in a header, and
// which hardly any signature covers, can single out one of these, or stand alone.
func (in *inbound) resolve(ctx context.Context, result webhook.Result) ([]connection, error) {
	if rowID, ok := strings.CutPrefix(result.SecretID, secretOfConnection); ok {
		found := map[string]connection{}
		row, err := in.store.Get(ctx, store.Key{Kind: kindConnection, ID: rowID})
		if err == nil {
			in.note(ctx, found, row)
		} else if !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		return slices.Collect(maps.Values(found)), nil
	}
	matches := result.Matches
	if result.Status != webhook.Verified && len(matches) > maxClaims {
		matches = matches[:maxClaims]
	}
	found, err := in.named(ctx, "", matches)
	if err != nil || result.ConnectionID == "" {
		return found, err
	}
	for _, s := range found {
		if connectionID(s.row) == result.ConnectionID {
			return []connection{s}, nil
		}
	}
	if len(matches) > 0 {
		return found, nil
	}
	return in.named(ctx, result.ConnectionID, nil)
}

// outgoing is a webhook as it is forwarded: once for each connection that it is
// about, or once if it is about none.
func (in *inbound) outgoing(hook Webhook) []outgoingWebhook {
	base := outgoingWebhook{
		integration: hook.Integration, provider: hook.Provider, verified: hook.Verified,
		header: hook.Header, contentType: hook.Header.Get("Content-Type"), payload: hook.Body,
	}
	if hook.ID != "" {
		sum := sha256.Sum256(hook.Body)
		base.dedup = in.integration.row.ID + "\x00" + hook.ID + "\x00" + string(sum[:])
	}
	if len(hook.Connections) == 0 {
		return []outgoingWebhook{base}
	}
	out := make([]outgoingWebhook, len(hook.Connections))
	for n, conn := range hook.Connections {
		out[n] = base
		out[n].connection, out[n].override = conn.ID, conn.WebhookURL
		if base.dedup != "" {
			out[n].dedup = base.dedup + "\x00" + conn.RowID
		}
	}
	return out
}
