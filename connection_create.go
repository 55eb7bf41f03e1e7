package tieline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"time"

	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/store"
)

// ConnectionInput is what a connection is made of.
type ConnectionInput struct {
	// Credential is of the type that the provider's auth mode takes: *APIKey,
	// *Basic, *ClientCredentials, *OAuth2Token (to import only), or nil or *None
	// for a provider that asks for nothing.
	Credential Credential

	// Config, Metadata, Tags, EndUser and WebhookURL are as in [Connection]. When
	// a connection of this ID exists, those that are nil or empty stay as they are.
	Config     map[string]string
	Metadata   json.RawMessage
	Tags       map[string]string
	EndUser    *EndUser
	WebhookURL string

	// NewOnly refuses, with ErrExists, to give an existing connection a new
	// credential.
	NewOnly bool

	// SkipVerification stores an imported credential without trying it out.
	// Create does not look at it.
	SkipVerification bool
}

// Create makes a connection of something that the user was given by the
// provider: an API key, a user name and password, a client of its own. It is
// tried out first where the provider's data says how. An empty id gets a random
// one. If a connection of this ID exists, it gets the new credential in
// place, and keeps its metadata.
//
// The errors are [*FieldError], ErrWrongMode, ErrVerification, ErrTokenEndpoint,
// ErrExists and ErrNotFound for the integration. Nothing is stored with an error.
func (m *Connections) Create(ctx context.Context, integration, id string, in ConnectionInput) (Connection, error) {
	conn, err := m.core.createConnection(ctx, integration, id, in, func(ctx context.Context, s *Subject) (Grant, error) {
		mode, ok := m.core.mode(s.provider).(Creator)
		if !ok {
			return Grant{}, fmt.Errorf("%w: connections to a provider of mode %s are not created this way", ErrWrongMode, s.provider.AuthMode)
		}
		return mode.Create(ctx, s)
	})
	return conn, opError("connections: create", err, integration, id)
}

// Import makes a connection of a credential that was obtained elsewhere, a token
// and a refresh token among others. What can be tried out without changing it
// is, unless SkipVerification is set: API keys and passwords, by the provider's
// verification endpoints. Tokens are not tried out. Otherwise it is like
// [Connections.Create].
func (m *Connections) Import(ctx context.Context, integration, id string, in ConnectionInput) (Connection, error) {
	conn, err := m.core.createConnection(ctx, integration, id, in, func(ctx context.Context, s *Subject) (Grant, error) {
		mode, ok := m.core.mode(s.provider).(Importer)
		if !ok {
			return Grant{}, fmt.Errorf("%w: credentials of mode %s cannot be imported", ErrWrongMode, s.provider.AuthMode)
		}
		res, err := mode.Import(ctx, s, !in.SkipVerification)
		res.given = true
		return res, err
	})
	return conn, opError("connections: import", err, integration, id)
}

func (c *core) createConnection(ctx context.Context, key, id string, in ConnectionInput, obtain func(context.Context, *Subject) (Grant, error)) (Connection, error) {
	if isClosed(c.flights.stopping()) {
		return Connection{}, ErrClosed
	}
	i, err := c.usableIntegration(ctx, key)
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
	cred, err := credentialFor(AuthMode(i.entry.AuthMode), in.Credential)
	if err != nil {
		return Connection{}, err
	}
	// What was obtained from the provider is kept even if the caller leaves.
	return detach(c, ctx, func(ctx context.Context) (conn Connection, err error) {
		d.operation = c.startOperation(ctx, connecting(i, id))
		defer func() { d.operation.finish(Result{Err: err}) }()
		began := c.now()
		tctx, cancel := context.WithTimeout(ctx, c.policy.Exchange)
		defer cancel()
		if err := c.fits(i.entry, cred); err != nil {
			return Connection{}, err
		}
		res, err := obtain(tctx, d.subject(cred))
		if err != nil {
			c.emit(d.operation.context(ctx), Event{Type: EventConnectFailed, Integration: key, Connection: id, Provider: i.entry.Name, Err: err})
			return Connection{}, err
		}
		return c.found(ctx, d, res.since(began), nil)
	})
}

// found looks up what belongs to a new grant and stores it. If that fails, the grant
// is given back.
func (c *core) found(ctx context.Context, d *draft, g Grant, callback url.Values) (Connection, error) {
	tctx, cancel := context.WithTimeout(ctx, c.policy.Exchange)
	defer cancel()
	complete, err := d.subject(g.Credential).lookUp(tctx, g, callback)
	if err == nil {
		complete, err = d.subject(g.Credential).lateTokens(tctx, g.Captured, complete)
	}
	if err == nil || g.given {
		// What was brought along has worked elsewhere, and is kept as it is.
		return c.connect(ctx, d, complete)
	}
	s := d.subject(g.Credential)
	if _, exists, serr := c.storedConfig(ctx, d.integration, d.id); serr == nil && !exists {
		// At some providers a user has one grant for an application, and ending this
		// one would end that of the connection which is there.
		if rerr := c.revoke(ctx, s, g.Credential); rerr != nil {
			err = errors.Join(err, rerr)
		}
	}
	c.emit(d.operation.context(ctx), s.event(EventConnectFailed, err))
	return Connection{}, err
}

// usableIntegration finds an integration that is not being deleted.
func (c *core) usableIntegration(ctx context.Context, key string) (*integration, error) {
	i, err := c.integration(ctx, key)
	if err == nil && i.rec.Deleting {
		return nil, ErrUnknownIntegration
	}
	return i, err
}

// credentialFor checks that a credential is of the mode's type.
func credentialFor(mode AuthMode, cred Credential) (Credential, error) {
	if isNilCredential(cred) {
		if mode == ModeNone {
			return &None{}, nil
		}
		return nil, &FieldError{Field: "credential", Reason: "is required"}
	}
	if cred.Type() != credentialType(mode) {
		return nil, fmt.Errorf("%w: %w", ErrWrongMode, &FieldError{Field: "credential", Reason: fmt.Sprintf("is of type %s, the provider takes %s", cred.Type(), credentialType(mode))})
	}
	return cred, nil
}

// credentialType is the mode whose type of credential a mode has.
func credentialType(mode AuthMode) AuthMode {
	switch mode {
	case ModeMCPOAuth2, ModeMCPOAuth2Generic:
		return ModeOAuth2
	case ModeInstallPlugin:
		return ModeBasic
	}
	return mode
}

// draft is a connection that is about to be stored.
type draft struct {
	core        *core
	integration *integration
	id          string
	in          ConnectionInput
	installs    bool              // a webhook tells of an installation
	plain       map[string]string // config, as it will be
	secrets     map[string]string
	rowID       string // of the row that was made for it, once there is one
	grant       int64  // the mark of what is about to be stored
	operation   *operation
}

// draft checks everything about a connection but its credential. Config that is
// not given is that of the connection which is there.
func (c *core) draft(ctx context.Context, i *integration, id string, in ConnectionInput) (*draft, error) {
	if err := checkConnectionID("connection", id); err != nil {
		return nil, err
	}
	tags, tagErr := checkTags("tags", in.Tags)
	metadata, metaErr := checkMetadata("metadata", in.Metadata)
	if err := errors.Join(tagErr, metaErr, checkEndUser(in.EndUser), checkWebhookURL("webhook_url", in.WebhookURL)); err != nil {
		return nil, err
	}
	in.Tags, in.Metadata = tags, metadata
	grant, err := c.newMark()
	if err != nil {
		return nil, err
	}
	d := &draft{core: c, integration: i, id: id, in: in, grant: grant}
	given := in.Config
	if len(in.Config) == 0 || in.NewOnly {
		old, exists, err := c.storedConfig(ctx, i, id)
		if err != nil {
			return nil, err
		}
		if exists && in.NewOnly {
			return nil, ErrExists
		}
		if len(in.Config) == 0 {
			given = old
		}
	}
	d.plain, d.secrets, err = checkConfig(i.entry.ConnectionConfig, configNames(i.entry), given, nil)
	return d, err
}

// storedConfig is every value of the config of the connection that has this ID.
func (c *core) storedConfig(ctx context.Context, i *integration, id string) (config map[string]string, exists bool, err error) {
	row, err := store.GetUnique(ctx, c.store, kindConnection, store.JoinPath(i.row.ID, id))
	if errors.Is(err, store.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	rec, err := record.ParseConnection(row.Data)
	if err != nil {
		return nil, true, err
	}
	public, err := rec.Public()
	if err != nil {
		return nil, true, err
	}
	config = maps.Clone(public.Config)
	// A connection that cannot be opened can be reconnected all the same.
	if private, err := c.openPrivate(row.ID, rec); err == nil {
		for k, v := range private.secrets {
			config = put(config, k, v)
		}
	}
	return config, true, nil
}

func (d *draft) subject(cred Credential) *Subject {
	s := d.core.newSubject(d.integration, d.id, d.plain, &private{cred: cred, secrets: d.secrets})
	s.operation = d.operation
	return s
}

// connect stores what was obtained: a new connection, or a new credential of
// the one that has this ID, whatever else is going on with it.
func (c *core) connect(ctx context.Context, d *draft, res Grant) (Connection, error) {
	ctx = d.operation.context(ctx)
	p := &private{cred: res.Credential, captured: res.Captured, secrets: d.secrets}
	var conn connection
	var created bool
	err := c.insist(ctx, func(ctx context.Context) (err error) {
		conn, created, err = c.putConnection(ctx, d, p, res)
		return err
	})
	s := d.subject(res.Credential)
	if err != nil {
		// Nobody would ever use this grant, unless it is stored after all. One that
		// was brought along may be in use elsewhere.
		switch {
		case res.given:
		case neverStored(err):
			if rerr := c.revoke(ctx, s, res.Credential); rerr != nil {
				err = errors.Join(err, rerr)
			}
		default:
			c.tasks.start(func() { c.revokeUnlessStored(d, res) })
		}
		c.emit(ctx, s.event(EventConnectFailed, err))
		return Connection{}, err
	}
	event := EventReconnected
	if created {
		event = EventConnected
	}
	c.emit(ctx, s.event(event, nil))
	return conn.value(d.integration.row.Unique, p)
}

// revokeUnlessStored waits until the Store tells what became of a connection that
// it may have taken, and gives the grant back if it has not. If the process ends
// first, the grant lives on at the provider, unused.
func (c *core) revokeUnlessStored(d *draft, res Grant) {
	ctx := context.Background()
	for wait := saveRetryMin; ; wait = min(2*wait, c.policy.saveRetryMax()) {
		tctx, cancel := context.WithTimeout(ctx, c.policy.SaveTimeout)
		s, created, err := c.rowFor(tctx, d)
		cancel()
		switch {
		case err == nil && !created && s.rec.State.Grant == d.grant, errors.Is(err, store.ErrClosed):
			return
		case err == nil:
			rctx, cancel := context.WithTimeout(ctx, c.policy.Exchange)
			defer cancel()
			if err := c.revoke(rctx, d.subject(res.Credential), res.Credential); err != nil {
				c.log.LogAttrs(ctx, slog.LevelWarn, "grant of a connection that was not stored was not revoked",
					d.subject(res.Credential).attrs(errorAttr(err))...)
			}
			return
		}
		if !c.flights.pause(wait + jitter(wait/2)) {
			return
		}
	}
}

// neverStored says whether a write is known to have changed nothing.
func neverStored(err error) bool {
	return errors.Is(err, ErrExists) || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrInvalid)
}

// insist repeats a write while the Store fails in a way that may pass, for as
// long as a lost answer of a provider would be waited for.
func (c *core) insist(ctx context.Context, write func(context.Context) error) error {
	start := time.Now()
	for d := saveRetryMin; ; d = min(2*d, c.policy.saveRetryMax()) {
		tctx, cancel := context.WithTimeout(ctx, c.policy.SaveTimeout)
		err := write(tctx)
		cancel()
		if err == nil || neverStored(err) || errors.Is(err, store.ErrClosed) || time.Since(start) > c.policy.Exchange {
			return err
		}
		sleep(d + jitter(d/2))
	}
}
