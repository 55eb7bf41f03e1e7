package tieline

import (
	"context"
	"net/url"
)

// Allows reports whether a client of the connection, as [Connections.HTTPClient]
// makes them, would send the credential to target: to the origin of the provider's
// base URL, and to hosts that are listed. A URL that is relative is below the base
// URL. Nothing is sent, and the credential is not refreshed.
//
// The answer is one about the connection as it is stored now. The error is
// ErrNotFound for a connection that is not there, and ErrInvalid if target cannot be
// requested or the base URL lacks a value.
func (m *Connections) Allows(ctx context.Context, integration, id string, target *url.URL) (bool, error) {
	allows, err := m.core.allows(ctx, integration, id, target)
	if err != nil {
		return false, opError("connections: allows", err, integration, id)
	}
	return allows, nil
}

func (c *core) allows(ctx context.Context, integration, id string, target *url.URL) (bool, error) {
	conn, err := c.findConnection(ctx, integration, id)
	if err != nil {
		return false, err
	}
	subject, err := c.subject(ctx, conn.row, conn.rec)
	if err != nil {
		return false, err
	}
	s := &snapshot{subject: subject}
	s.base, s.baseErr = subject.baseURL()
	absolute, err := resolve(s, target)
	if err != nil {
		return false, err
	}
	return s.takes(absolute), nil
}
