package tieline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tieline/tieline/internal/jsonpath"
	"github.com/tieline/tieline/internal/spec"
	"github.com/tieline/tieline/store"
)

// maxWebhook bounds the webhook that an installation is made of, in bytes.
const maxWebhook = 1 << 20

// CompleteInstallation makes a connection of a webhook, for providers where users
// begin at the provider, and for installations that somebody had to approve. Check
// the webhook's signature first. Which user it is for, the application has to know;
// in.Credential is not looked at. If a connection of this ID exists, it gets the
// grant in place and keeps its metadata, and its user's token.
//
// Some providers want to be told that the installation is complete. That this fails
// is [EventInstallationUnconfirmed], and no error: the connection is there.
//
// The errors are those of [Connections.Create].
func (m *Connections) CompleteInstallation(ctx context.Context, integration, id string, webhook json.RawMessage, in ConnectionInput) (Connection, error) {
	conn, err := m.core.install(ctx, integration, id, webhook, in)
	return conn, opError("connections: complete installation", err, integration, id)
}

func (c *core) install(ctx context.Context, key, id string, webhook json.RawMessage, in ConnectionInput) (Connection, error) {
	if isClosed(c.flights.stopping()) {
		return Connection{}, ErrClosed
	}
	i, err := c.usableIntegration(ctx, key)
	if err != nil {
		return Connection{}, err
	}
	installer, ok := c.mode(i.entry).(Installer)
	if !ok {
		return Connection{}, fmt.Errorf("%w: connections to a provider of mode %s do not begin with a webhook", ErrWrongMode, i.entry.AuthMode)
	}
	payload, err := readWebhook(webhook)
	if err != nil {
		return Connection{}, err
	}
	if id == "" {
		if id, err = c.newConnectionID(); err != nil {
			return Connection{}, err
		}
	}
	d, err := c.draft(ctx, i, id, in)
	if err != nil {
		return Connection{}, err
	}
	d.installs = true
	cred, err := c.storedCredential(ctx, key, id)
	if err != nil {
		return Connection{}, err
	}
	return detach(c, ctx, func(ctx context.Context) (conn Connection, err error) {
		d.operation = c.startOperation(ctx, connecting(i, id))
		defer func() { d.operation.finish(Result{Err: err}) }()
		began := c.now()
		tctx, cancel := context.WithTimeout(ctx, c.policy.Exchange)
		defer cancel()
		g, err := installer.Install(tctx, d.subject(cred), payload)
		if err != nil {
			c.emit(d.operation.context(ctx), Event{Type: EventConnectFailed, Integration: key, Connection: id, Provider: i.entry.Name, Err: err})
			return Connection{}, err
		}
		conn, err = c.found(ctx, d, g.since(began), nil)
		if err == nil {
			c.confirmInstallation(ctx, d.subject(g.Credential).withCaptured(conn.Captured))
		}
		return conn, err
	})
}

// confirmInstallation tells the provider that the installation is complete, where its
// data has a call for that. The connection is stored and works by now, and the code
// of its webhook is spent: that this fails must not look as if there were none.
func (c *core) confirmInstallation(ctx context.Context, s *Subject) {
	if s.provider.ConfirmInstallation == nil {
		return
	}
	tctx, cancel := context.WithTimeout(ctx, c.policy.Exchange)
	defer cancel()
	if _, err := s.apiCall(tctx, s.provider.ConfirmInstallation); err != nil {
		c.emit(ctx, s.event(EventInstallationUnconfirmed, fmt.Errorf("confirm installation: %w", err)))
	}
}

func readWebhook(webhook json.RawMessage) (map[string]any, error) {
	if len(webhook) > maxWebhook {
		return nil, &FieldError{Field: "webhook", Reason: fmt.Sprintf("is longer than %d bytes", maxWebhook)}
	}
	dec := json.NewDecoder(bytes.NewReader(webhook))
	dec.UseNumber()
	var payload map[string]any
	if dec.Decode(&payload) != nil || payload == nil || trailing(dec) {
		return nil, &FieldError{Field: "webhook", Reason: "must be a JSON object"}
	}
	return payload, nil
}

// storedCredential is that of the connection, empty when there is none or it
// cannot be opened.
func (c *core) storedCredential(ctx context.Context, key, id string) (Credential, error) {
	s, err := c.findConnection(ctx, key, id)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, ErrNotFound) {
		return &None{}, nil
	}
	if err != nil {
		return nil, err
	}
	p, err := c.openPrivate(s.row.ID, s.rec)
	if err != nil {
		return &None{}, nil
	}
	return p.cred, nil
}

// Install takes the webhook of an installation that began at the provider, and
// exchanges the code in it.
func (oauth2Mode) Install(ctx context.Context, s *Subject, payload map[string]any) (Grant, error) {
	e := s.provider
	if e.Installation != "outbound" {
		return Grant{}, fmt.Errorf("%w: this provider's connections begin with an authorization", ErrWrongMode)
	}
	path := e.AuthorizationCodeParamInWebhook
	if path == "" {
		path = "code"
	}
	code, _ := jsonpath.Text(jsonpath.At(payload, path))
	if code == "" || len(code) > maxCallbackValue {
		return Grant{}, &FieldError{Field: "webhook." + path, Reason: "is missing or too long"}
	}
	captured := s.captureFrom(spec.FromWebhook, func(path string) string {
		for _, below := range []string{"", "data."} {
			if v, _ := jsonpath.Text(jsonpath.At(payload, below+path)); v != "" {
				return v
			}
		}
		return ""
	})
	g, err := s.withCaptured(captured).exchangeCode(ctx, code, nil, nil)
	if err != nil {
		return Grant{}, err
	}
	for name, v := range captured {
		g.Captured = put(g.Captured, name, v)
	}
	return g, nil
}
