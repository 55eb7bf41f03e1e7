package webhook

import (
	"maps"
	"slices"
)

// Scheme says how a provider's deliveries are told from others. It is data, as written in
// a file; [Compile] makes it usable. The zero Scheme verifies nothing.
type Scheme struct {
	Source string `yaml:"source" json:"source,omitempty"` // documentation URL
	// Verify lists the ways in which a delivery may be signed, the strongest first. Of
	// those for which there is a secret or a key, the first that the delivery uses decides.
	Verify     []Method    `yaml:"verify" json:"verify,omitempty"`
	Challenges []Challenge `yaml:"challenges" json:"challenges,omitempty"`
	// Connection says which values of a delivery name connections.
	Connection []Rule `yaml:"connection" json:"connection,omitempty"`
	// ConnectionID, DeliveryID and EventType are looked for in order; the first value counts.
	ConnectionID []Place `yaml:"connection_id" json:"connection_id,omitempty"`
	DeliveryID   []Place `yaml:"delivery_id" json:"delivery_id,omitempty"`
	EventType    []Place `yaml:"event_type" json:"event_type,omitempty"`
}

// The values of [Method.Kind].
const (
	KindHMAC      = "hmac"       // a MAC of Text in Header
	KindHash      = "hash"       // a hash of Text, which has the secret in it, in Header
	KindStandard  = "standard"   // https://www.standardwebhooks.com, also under its older name svix
	KindPublicKey = "public_key" // a signature of Text in Header
	KindJWT       = "jwt"        // a token of RFC 7519 in Header; it does not cover the body
	KindToken     = "token"      // the secret itself, in Header, Query or Body
	KindURLSecret = "url_secret" // the secret itself, in the URL that the provider was given
	KindNone      = "none"       // the provider signs nothing
)

// Method is one way to sign a delivery.
type Method struct {
	Name string `yaml:"name" json:"name,omitempty"` // for messages; the kind when empty
	Kind string `yaml:"kind" json:"kind,omitempty"`
	// When restricts the method to deliveries with a certain header, where the presence of
	// the signature does not tell.
	When *When `yaml:"when" json:"when,omitempty"`
	// Secrets says which secrets may have been used: webhook, connection, client. Empty
	// means webhook and connection.
	Secrets []string `yaml:"secrets" json:"secrets,omitempty"`
	// SecretEncoding says what the key is: text, the default, is the secret's own bytes;
	// base64 and hex decode it; whsec is base64 behind an optional whsec_; sha256 is the hash.
	SecretEncoding string `yaml:"secret_encoding" json:"secret_encoding,omitempty"`

	Header string `yaml:"header" json:"header,omitempty"` // with the signature or token
	Query  string `yaml:"query" json:"query,omitempty"`   // parameter with the token
	Body   string `yaml:"body" json:"body,omitempty"`     // path to the token; with * every one has to match
	// Prefix stands before the signature, such as "sha256=". With List, the entries that
	// lack it are of another version and are passed over.
	Prefix string `yaml:"prefix" json:"prefix,omitempty"`
	// List separates several signatures, of which one has to match.
	List string `yaml:"list" json:"list,omitempty"`
	// Algorithm is sha1, sha256 (the default) or sha512; of public keys rsa_sha256,
	// ecdsa_sha256 or ed25519.
	Algorithm string `yaml:"algorithm" json:"algorithm,omitempty"`
	Encoding  string `yaml:"encoding" json:"encoding,omitempty"` // hex (the default), base64 or base64url
	// Text is what is signed, ${body} when empty. It knows ${body}, ${timestamp}, ${id},
	// ${method}, ${url}, ${url_unescaped}, ${host}, ${path}, ${query}, ${secret} (of hash
	// only) and ${header.NAME}.
	Text      string     `yaml:"text" json:"text,omitempty"`
	Timestamp *Timestamp `yaml:"timestamp" json:"timestamp,omitempty"`
	ID        string     `yaml:"id" json:"id,omitempty"` // header with ${id}

	// PublicKeys are the provider's, as PEM. Without them the secrets are the keys: PEM,
	// or an Ed25519 key in hex or base64.
	PublicKeys []string `yaml:"public_keys" json:"public_keys,omitempty"`
	KeySet     string   `yaml:"key_set" json:"key_set,omitempty"` // URL of a JWK set, RFC 7517
	KeyID      string   `yaml:"key_id" json:"key_id,omitempty"`   // header with the kid, of public_key
	// SigningKey says where the secret of an hmac is fetched from.
	SigningKey *SigningKey `yaml:"signing_key" json:"signing_key,omitempty"`
	JWT        *JWT        `yaml:"jwt" json:"jwt,omitempty"`
}

// When is a condition on a header. Exactly one of Equals and Prefix is set; case does not
// count in either.
type When struct {
	Header string `yaml:"header" json:"header,omitempty"`
	Equals string `yaml:"equals" json:"equals,omitempty"`
	Prefix string `yaml:"prefix" json:"prefix,omitempty"`
}

// Timestamp says when a delivery was signed. Exactly one of Header, Prefix and Body is set.
type Timestamp struct {
	Header string `yaml:"header" json:"header,omitempty"`
	Prefix string `yaml:"prefix" json:"prefix,omitempty"` // of its entry in the list of signatures
	Body   string `yaml:"body" json:"body,omitempty"`     // path
	Unit   string `yaml:"unit" json:"unit,omitempty"`     // s (the default), ms or rfc3339
	// Tolerance is how far it may be from now, into the past and the future: "5m".
	Tolerance string `yaml:"tolerance" json:"tolerance,omitempty"`
}

// SigningKey says where the delivery names the URL of its key. The URL is the sender's
// word, so it is followed only to the provider's hosts.
type SigningKey struct {
	From  []Place  `yaml:"from" json:"from,omitempty"`
	Hosts []string `yaml:"hosts" json:"hosts,omitempty"` // ".example.com" stands for every host below it
	Field string   `yaml:"field" json:"field,omitempty"` // path to the key in the JSON document
}

// JWT says what a token has to claim. Values know ${url} (without its query) and
// ${param.NAME}. An audience whose parameter is not configured is none; without any, or
// with a claim whose parameter is not configured, the method is not used.
type JWT struct {
	Algorithms []string          `yaml:"algorithms" json:"algorithms,omitempty"`
	Issuers    []string          `yaml:"issuers" json:"issuers,omitempty"`
	Audiences  []string          `yaml:"audiences" json:"audiences,omitempty"`
	Claims     map[string]string `yaml:"claims" json:"claims,omitempty"`
	Leeway     string            `yaml:"leeway" json:"leeway,omitempty"` // 60s when empty
}

// Place is where a value is. Exactly one of Body, Header, Query and Form is set.
type Place struct {
	Body   string `yaml:"body" json:"body,omitempty"` // dotted path in a JSON body; * is every element
	Header string `yaml:"header" json:"header,omitempty"`
	Query  string `yaml:"query" json:"query,omitempty"`
	Form   string `yaml:"form" json:"form,omitempty"`
	// Decode says that the value is JSON, or base64 of it (base64_json), and Then is the
	// path in that.
	Decode string `yaml:"decode" json:"decode,omitempty"`
	Then   string `yaml:"then" json:"then,omitempty"`
}

// Rule says that a value of the delivery is that of a connection. Exactly one of Config,
// Metadata and Tag is set.
type Rule struct {
	Place      `yaml:",inline"`
	TrimSuffix string `yaml:"trim_suffix" json:"trim_suffix,omitempty"` // required at the end of the value, and cut off
	Transform  string `yaml:"transform" json:"transform,omitempty"`     // sha256: the hash in hex; origin: scheme and host of a URL
	Config     string `yaml:"config" json:"config,omitempty"`           // key in the connection's config
	Metadata   string `yaml:"metadata" json:"metadata,omitempty"`       // path in its metadata
	Tag        string `yaml:"tag" json:"tag,omitempty"`
}

// The values of [Challenge.Stage].
const (
	// Before: the answer is given without a signature, because the provider sends none with
	// the challenge, or because nothing that it proves could be checked yet.
	Before = "before"
	// After: a delivery that would be refused gets no answer.
	After = "after"
)

// Challenge is a provider's question whether a URL is really ours.
type Challenge struct {
	Name   string      `yaml:"name" json:"name,omitempty"`
	Stage  string      `yaml:"stage" json:"stage,omitempty"`
	Method string      `yaml:"method" json:"method,omitempty"` // any when empty
	Match  []Condition `yaml:"match" json:"match,omitempty"`   // all hold
	// Token is where the sender repeats a secret, without which there is no answer.
	Token *Place `yaml:"token" json:"token,omitempty"`
	// Value is what the answer repeats.
	Value *Place `yaml:"value" json:"value,omitempty"`
	// Offer says that Value is a secret that the provider offers; see [Answer.Offered].
	Offer bool `yaml:"offer" json:"offer,omitempty"`

	Secrets []string `yaml:"secrets" json:"secrets,omitempty"` // of Token and MAC, as in Method
	// Text makes the answer the value as text/plain, JSON an object with the value under
	// that name, Header repeats it in a header, Static is a fixed JSON body. At most one;
	// none means an empty answer.
	Text   bool   `yaml:"text" json:"text,omitempty"`
	JSON   string `yaml:"json" json:"json,omitempty"`
	Header string `yaml:"header" json:"header,omitempty"`
	Static string `yaml:"static" json:"static,omitempty"`
	// MAC, with JSON, is the name under which the HMAC-SHA256 of the value is, in hex.
	MAC string `yaml:"mac" json:"mac,omitempty"`
}

// Condition holds when there is a value at the place, and, with Equals, when it is that.
type Condition struct {
	Place  `yaml:",inline"`
	Equals string `yaml:"equals" json:"equals,omitempty"`
}

// clone copies everything that a scheme points at.
func (s Scheme) clone() Scheme {
	s.Verify, s.Challenges, s.Connection = slices.Clone(s.Verify), slices.Clone(s.Challenges), slices.Clone(s.Connection)
	s.ConnectionID, s.DeliveryID, s.EventType = slices.Clone(s.ConnectionID), slices.Clone(s.DeliveryID), slices.Clone(s.EventType)
	for i := range s.Verify {
		m := &s.Verify[i]
		m.Secrets, m.PublicKeys = slices.Clone(m.Secrets), slices.Clone(m.PublicKeys)
		m.When, m.Timestamp, m.SigningKey, m.JWT = copied(m.When), copied(m.Timestamp), copied(m.SigningKey), copied(m.JWT)
		if k := m.SigningKey; k != nil {
			k.From, k.Hosts = slices.Clone(k.From), slices.Clone(k.Hosts)
		}
		if j := m.JWT; j != nil {
			j.Algorithms, j.Issuers, j.Audiences = slices.Clone(j.Algorithms), slices.Clone(j.Issuers), slices.Clone(j.Audiences)
			j.Claims = maps.Clone(j.Claims)
		}
	}
	for i := range s.Challenges {
		c := &s.Challenges[i]
		c.Match, c.Secrets = slices.Clone(c.Match), slices.Clone(c.Secrets)
		c.Token, c.Value = copied(c.Token), copied(c.Value)
	}
	return s
}

func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}
