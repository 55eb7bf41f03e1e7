package tieline

import (
	"encoding/hex"
	"net/http"
	"time"

	"github.com/tieline/tieline/internal/outbound"
)

// What a Mode that is written outside this package needs of a Subject.

// Integration is the key of the connection's integration.
func (s *Subject) Integration() string { return s.key }

// Connection is the connection's ID.
func (s *Subject) Connection() string { return s.id }

// Provider is the integration's provider.
func (s *Subject) Provider() Provider { return newProvider(s.provider) }

// App is what the provider knows the application by; nil when every connection
// brings its own. It must not be changed.
func (s *Subject) App() AppCredential { return s.app }

// Credential is the connection's credential: before a grant, what was given to make
// one of. It must not be changed.
func (s *Subject) Credential() Credential { return s.private.cred }

// Config is a value of the connection's or the integration's config, secret and
// captured ones among them; empty when there is none.
func (s *Subject) Config(name string) string { return s.config[name] }

// Now is the Client's clock.
func (s *Subject) Now() time.Time { return s.core.now() }

// Random returns the hexadecimal form of n unguessable bytes.
func (s *Subject) Random(n int) (string, error) {
	b, err := s.core.random(n)
	return hex.EncodeToString(b), err
}

// Checkpoint is for a [Refresher] that asks the provider for more after an answer
// with a new refresh token: it saves a credential with that token first, whatever
// else is in it, so that the grant is not lost if the process ends meanwhile. What
// Refresh returns in the end takes its place.
//
// It answers false when that could not be done: the Store failed, or somebody else
// has gone on with the connection. Then nothing more should be spent. In other steps
// there is nothing to lose, and the answer is true.
func (s *Subject) Checkpoint(cred Credential) bool { return s.save == nil || s.save(cred) }

// Do sends a request to the provider once, on a connection of its own: it follows no
// redirect, repeats nothing, and reaches only where [Config.Outbound] lets it. The
// request's context should have a deadline, as that of a step has; the caller
// closes the body. The error has nothing of the request's URL or header in it.
func (s *Subject) Do(req *http.Request) (*http.Response, error) {
	resp, err := s.roundTrip(req)
	if err != nil {
		return nil, outbound.SafeError(req.Context(), err)
	}
	return resp, nil
}
