package tieline

import (
	"context"
	"crypto/hmac"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/tieline/tieline/internal/ids"
	"github.com/tieline/tieline/internal/spec"
	"github.com/tieline/tieline/store"
)

// maxCallbackValue bounds a parameter of a callback, in bytes.
const maxCallbackValue = 8 << 10

// Complete ends an authorization: it checks that the callback belongs to what
// the browser with this binding started, exchanges the code and stores the
// connection. callback is the query of the request to [Config.CallbackURL],
// binding what was kept in the browser.
//
// An authorization is completed once, however many callbacks race. ErrState
// says that there is none that fits; ErrDenied that the user or the provider
// refused; ErrTokenEndpoint that the code could not be exchanged. Once the code
// is on its way the connection is stored even if ctx is done.
func (m *Connections) Complete(ctx context.Context, binding string, callback url.Values) (Connection, error) {
	conn, err := m.core.complete(ctx, binding, callback)
	if err != nil {
		return Connection{}, opError("connections: complete", err, conn.Integration, conn.ID)
	}
	return conn, nil
}

// complete returns, with an error, what is known of the connection.
func (c *core) complete(ctx context.Context, binding string, callback url.Values) (Connection, error) {
	if isClosed(c.flights.stopping()) {
		return Connection{}, ErrClosed // while the state is not used up
	}
	row, a, name, err := c.pending(ctx, binding, callback)
	if err != nil {
		return Connection{}, err
	}
	i, err := c.integrationByID(ctx, row.Parent)
	if errors.Is(err, store.ErrNotFound) || err == nil && (i.rec.Deleting || !isStateOf(i.entry, name)) {
		err = ErrState
	}
	if err != nil {
		return Connection{}, err
	}
	named := Connection{ID: a.Connection, Integration: i.row.Unique}
	begin, ok := c.mode(i.entry).(Beginner)
	if !ok {
		return named, ErrWrongMode
	}
	// Whoever deletes the row has won the race of all callbacks.
	err = c.store.Delete(ctx, row.Key, row.Version)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
		err = ErrState
	}
	if err != nil {
		return named, err
	}
	conn, err := detach(c, ctx, func(ctx context.Context) (Connection, error) {
		return c.exchangeCode(ctx, begin, i, a, callback)
	})
	if err != nil {
		return named, err
	}
	return conn, nil
}

// pending finds the authorization that a callback is for.
func (c *core) pending(ctx context.Context, binding string, callback url.Values) (row store.Row, a *authorization, name string, err error) {
	err = ErrState
	for _, name = range statesIn(callback) {
		if len(callback[name]) != 1 {
			continue
		}
		if row, a, err = c.pendingOf(ctx, binding, callback.Get(name)); !errors.Is(err, ErrState) {
			break
		}
	}
	return row, a, name, err
}

// pendingOf finds the authorization that has this state and is of this browser.
func (c *core) pendingOf(ctx context.Context, binding, state string) (store.Row, *authorization, error) {
	if state == "" || len(state) > maxName || binding == "" || len(binding) > maxName {
		return store.Row{}, nil, ErrState
	}
	for _, mac := range c.keys.MACs(purposeState, []byte(state)) {
		row, err := c.store.Get(ctx, store.Key{Kind: kindAuthorization, ID: ids.Encode(mac)})
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return store.Row{}, nil, err
		}
		a, err := c.openAuthorization(row.ID, row.Data)
		if err != nil {
			return store.Row{}, nil, err
		}
		// A wrong browser does not use it up for the right one.
		if !c.bound(binding, a.BindingMAC) || !c.now().Before(a.ExpiresAt) {
			return store.Row{}, nil, ErrState
		}
		return row, a, nil
	}
	return store.Row{}, nil, ErrState
}

// maxStates bounds how many parameters of a callback are tried as its state.
const maxStates = 8

// statesIn are the names of the parameters that could be the state: the one that is
// called so, or else whatever looks like one. Some providers have a name of their
// own for it, and who the provider is, only the state tells.
func statesIn(callback url.Values) []string {
	if _, ok := callback[stateParam]; ok {
		return []string{stateParam}
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(callback)) {
		if len(callback.Get(name)) == bindingLength && len(names) < maxStates {
			names = append(names, name)
		}
	}
	return names
}

const stateParam = "state"

// usualStates are the other names that the format knows without an entry saying so.
var usualStates = []string{"payload", "customField"}

// isStateOf says whether a provider brings the state under this name.
func isStateOf(e *spec.Entry, name string) bool {
	return name == stateParam || name == e.StateParam || e.StateParam == stateParam && slices.Contains(usualStates, name)
}

func (c *core) bound(binding string, want []byte) bool {
	ok := false
	for _, mac := range c.keys.MACs(purposeBinding, []byte(binding)) {
		ok = hmac.Equal(mac, want) || ok
	}
	return ok
}

// exchangeCode goes from a callback that was found to be good to a connection.
func (c *core) exchangeCode(ctx context.Context, begin Beginner, i *integration, a *authorization, callback url.Values) (conn Connection, err error) {
	told := c.startOperation(ctx, connecting(i, a.Connection))
	defer func() { told.finish(Result{Err: err}) }()
	fail := func(err error) (Connection, error) {
		c.emit(told.context(ctx), Event{Type: EventConnectFailed, Integration: i.row.Unique, Connection: a.Connection, Provider: i.entry.Name, Err: err})
		return Connection{}, err
	}
	if err := checkCallback(i, callback); err != nil {
		return fail(err)
	}
	d, err := c.draft(ctx, i, a.Connection, a.input())
	if err != nil {
		return fail(err)
	}
	d.operation = told
	tctx, cancel := context.WithTimeout(ctx, c.policy.Exchange)
	defer cancel()
	began := c.now()
	res, err := begin.Complete(tctx, d.subject(a.client()), &a.Flow, callback)
	if err != nil {
		return fail(err)
	}
	return c.found(ctx, d, res.since(began), callback)
}

// checkCallback refuses what a provider, or somebody in its place, must not send.
func checkCallback(i *integration, callback url.Values) error {
	e := i.entry
	for name, values := range callback {
		if len(values) > 0 && len(values[0]) > maxCallbackValue {
			return &FieldError{Field: "callback." + e.CodeParam, Reason: "a parameter is too long"}
		}
		if len(values) > 1 && (name == "error" || name == "iss" || name == e.CodeParam) {
			return &FieldError{Field: "callback." + name, Reason: "is given twice"}
		}
	}
	// RFC 9207 section 2.4: another issuer's answer means that the user was sent
	// to the wrong place, whatever else it says.
	iss := callback.Get("iss")
	if e.Issuer != "" && (iss != "" || e.IssuerRequired) && iss != e.Issuer {
		return &FieldError{Field: "callback.iss", Reason: "is not the provider's issuer"}
	}
	if callback.Has("error") {
		return &AuthorizationError{Code: callbackCode(callback.Get("error")), Description: NewSecret(callback.Get("error_description"))}
	}
	return nil
}

// callbackCode keeps an error that looks like the codes of RFC 6749 section
// 4.1.2.1 and OpenID Connect: lower-case words. Whoever sends the browser here
// chooses it, so it may hold anything else, a state or a code among it.
func callbackCode(s string) string {
	const longest = 40
	notCode := func(r rune) bool { return (r < 'a' || r > 'z') && r != '_' }
	if s == "" || len(s) > longest || strings.ContainsFunc(s, notCode) {
		return "unknown"
	}
	return s
}
