package spec

import (
	"regexp"
	"time"

	"github.com/tieline/tieline/internal/template"
)

// Success says which answers of the token endpoint are successes, among those
// with a good status. The zero Success asks nothing.
type Success struct {
	Path   string // dotted, into the answer; empty: nothing is asked of it
	Test   string // equals, not_equals, present or absent
	Want   string // of equals and not_equals
	Status int    // the only good status; 0: any of 2xx
}

// Exchange is a call that follows the token request: it trades what that gave for
// a token that lives longer, or for a session. The access token of the last one is
// the credential's. Only what Params and Headers say is sent.
type Exchange struct {
	URL            *template.URL
	Method         string
	Params         Tree
	Headers        []Param
	Body           BodyFormat        // form, json or query
	ResponseFields map[string]string // as [OwnKeys.ResponseFields], of this answer
	ExpiresInUnit  time.Duration
	Optional       bool // when it fails, what was there before is used
}

// APICall is a call to the API with the credential of a connection.
type APICall struct {
	URL     *template.URL // absolute, or relative to [Entry.BaseURL]
	Method  string
	Headers []Param
	Data    Tree       // the zero Tree is no body
	Body    BodyFormat // of Data: JSON when empty, form (what is no text in it as JSON), or xml
}

// DiscoveryFrom is where a [Discovery] looks.
type DiscoveryFrom string

// The places. The claims are those of a token that is a JWT, whose signature is
// not looked at: it came from the token endpoint itself.
const (
	DiscoverResponse      DiscoveryFrom = "response" // of a call to the API
	DiscoverTokenResponse DiscoveryFrom = "token_response"
	DiscoverAccessToken   DiscoveryFrom = "claims:access_token"
	DiscoverIDToken       DiscoveryFrom = "claims:id_token"
	DiscoverCallback      DiscoveryFrom = "callback"
	DiscoverCredential    DiscoveryFrom = "credential" // what is no secret in it
)

// Discovery looks something up once a connection is made, such as its tenant, and
// makes it part of the connection config. Those of an entry run in order, and each
// knows what the ones before it found.
type Discovery struct {
	From   DiscoveryFrom
	Call   *APICall // of DiscoverResponse, else nil
	Select *Select  // nil: the answer as a whole
	Values []DiscoveredValue

	OnlyIfMissing bool // does nothing when the connection config has all the values
	Optional      bool // when it fails, the connection is good all the same
	OnRefresh     bool // again after each refresh
	Effect        bool // the call changes something; its answer is not kept, and Values is empty
}

// Select picks an element of a list.
type Select struct {
	Path  string      // of the list; empty: the answer is the list
	Where []Condition // all of which hold
	Only  bool        // there must be one such element only; else the first is taken
}

// Condition is something that a value must be.
type Condition struct {
	Path  string // dotted, below what is looked at
	Test  string // equals, starts_with, ends_with or contains
	Value *template.Text
}

// DiscoveredValue is a value of an answer that becomes part of the connection
// config.
type DiscoveredValue struct {
	Name      string         // in the connection config
	Path      string         // dotted; empty: what was selected is the value
	Pattern   *regexp.Regexp // nil, or what to look for: its first group is the value
	Transform string         // empty, sha256, lower or strip_scheme
	Answers   bool           // the value is whether the call succeeds: true, or false if it is refused
}

// Check is a call that succeeds only with a good credential, and how to tell.
type Check struct {
	Call    APICall
	Headers []Param // may speak of the call, and win over those of every call
	Expect  Expect
}

// Expect says which answer of a [Check] is a success. The zero Expect asks for a
// status of 2xx.
type Expect struct {
	Status      []int  // any of these; empty: 2xx
	Path        string // there is a value there
	Equals      string // which is this, if HasEquals
	HasEquals   bool
	NotContains string // text that the body must not have
	ContentType string // the media type, without parameters
}

// AdditionalToken is a token beside the access token. Templates know it as
// ${tokens.NAME}.
type AdditionalToken struct {
	Name           string
	ResponseFields map[string]string // where the first answer has it; nil: only Refresh gives it
	Refresh        *TokenRefresh     // nil: as the connection's own, at the same endpoint
	Optional       bool              // a connection may lack it
}

// TokenRefresh is how an additional token is got, or got again. What a refresh
// sends is sent, with the token's own refresh token where it has one; Params win.
type TokenRefresh struct {
	// Application says that the token is the application's own, got with nothing
	// but its client ID and secret (RFC 6749 section 4.4).
	Application bool
	URL         *template.URL // [Entry.RefreshURL] when absent
	Method      string
	Params      Tree
	Headers     []Param
	Body        BodyFormat
	ClientAuth  ClientAuth
}
