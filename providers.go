package tieline

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"

	"github.com/tieline/tieline/internal/spec"
)

// AuthMode is the way a provider's credentials are got and attached to requests.
// It is the auth_mode of the provider's entry, and the kind of a connection's
// credential.
type AuthMode string

// The auth modes of the provider format.
const (
	// ModeOAuth2 is the OAuth 2.0 authorization code flow, RFC 6749 section 4.1.
	ModeOAuth2 AuthMode = "OAUTH2"
	// ModeOAuth2CC is the OAuth 2.0 client credentials flow, RFC 6749 section
	// 4.4, with credentials that belong to the connection.
	ModeOAuth2CC AuthMode = "OAUTH2_CC"
	// ModeOAuth1 is OAuth 1.0a, RFC 5849.
	ModeOAuth1 AuthMode = "OAUTH1"
	// ModeAPIKey is one key, attached as the entry says.
	ModeAPIKey AuthMode = "API_KEY"
	// ModeBasic is a user name and a password, RFC 7617.
	ModeBasic AuthMode = "BASIC"
	// ModeTwoStep is a login call whose answer has a token.
	ModeTwoStep AuthMode = "TWO_STEP"
	// ModeJWT is a token that is signed here, RFC 7519.
	ModeJWT AuthMode = "JWT"
	// ModeSignature is a signed header, such as WSSE.
	ModeSignature AuthMode = "SIGNATURE"
	// ModeApp is the installation of an application, as of a GitHub App.
	ModeApp AuthMode = "APP"
	// ModeCustom is ModeApp and ModeOAuth2 in one.
	ModeCustom AuthMode = "CUSTOM"
	// ModeTBA is NetSuite's token-based authentication.
	ModeTBA AuthMode = "TBA"
	// ModeBill is the login of BILL.
	ModeBill AuthMode = "BILL"
	// ModeAWSSigV4 is AWS Signature Version 4 with temporary credentials.
	ModeAWSSigV4 AuthMode = "AWS_SIGV4"
	// ModeInstallPlugin is the installation of a plugin on the provider's side.
	ModeInstallPlugin AuthMode = "INSTALL_PLUGIN"
	// ModeMCPOAuth2 is OAuth 2.0 for a known MCP server.
	ModeMCPOAuth2 AuthMode = "MCP_OAUTH2"
	// ModeMCPOAuth2Generic is OAuth 2.0 for any MCP server, by discovery.
	ModeMCPOAuth2Generic AuthMode = "MCP_OAUTH2_GENERIC"
	// ModeNone is no credential at all.
	ModeNone AuthMode = "NONE"
)

// Provider describes a third-party service: an entry of a [Catalog]. It is a
// copy that the caller may change.
type Provider struct {
	// Name is how the catalog, integrations and the REST API call it: "github".
	Name string
	// DisplayName is for people: "GitHub".
	DisplayName string
	AuthMode    AuthMode
	Categories  []string

	// Service is the provider that this one is another way to sign in to, such as
	// with an API key; its own name where it is none. Methods are the names of the
	// other ways to sign in to this service, and empty for one of them.
	Service string
	Methods []string

	// Docs is the provider's documentation; DocsConnect helps the person who
	// connects, SetupGuideURL the one who registers the application. Empty when
	// there is none.
	Docs          string
	DocsConnect   string
	SetupGuideURL string

	// DefaultScopes are asked for when an integration has none of its own.
	// ScopeSeparator joins scopes in requests; it is never empty.
	DefaultScopes  []string
	ScopeSeparator string

	// What is asked for, in the order in which a form shows it: ConfigFields
	// make up the connection config, CredentialFields the credential, and
	// IntegrationFields belong to the integration as a whole.
	ConfigFields      []Field
	CredentialFields  []Field
	IntegrationFields []Field

	// HasWebhooks reports whether the provider can send webhooks that the entry
	// knows how to tell apart.
	HasWebhooks bool

	// Deprecated says why the provider should not be used any more; empty means
	// that it may be.
	Deprecated string

	// Sources says where the facts of the entry come from, and Checked when they
	// were last compared with those, as an ISO 8601 date. Both may be empty.
	Sources []string
	Checked string

	// Unverified says why the provider has no way to try a credential out; empty
	// where it has one, or the entry does not say.
	Unverified string

	entry *spec.Entry
}

// JSON returns the whole entry with the key names of the provider format,
// aliases resolved. The zero Provider is null.
func (p Provider) JSON() json.RawMessage {
	if p.entry == nil {
		return json.RawMessage("null")
	}
	data, err := spec.EncodeEntry(p.entry)
	if err != nil {
		// An entry consists of strings, numbers and booleans that were read.
		panic("tieline: provider entry: " + err.Error())
	}
	return data
}

// Field describes a value that someone has to supply. All values are strings.
type Field struct {
	// Name is the key under which the value is given and kept.
	Name string
	// Title and Description are for people.
	Title       string
	Description string
	// Example is what a value may look like.
	Example string

	// What a value must fit, checked when it is given: a regular expression in
	// RE2 syntax, matched anywhere in the value unless it is anchored; hostname,
	// uri, uuid or email; one of a few choices. Empty means no such rule.
	Pattern string
	Format  string
	Enum    []string

	// Default is taken when no value is given, if HasDefault; it may be empty.
	Default    string
	HasDefault bool

	// Optional: the value may be left out. Hidden: no form shows the field.
	// Automated: no person is asked; Source says where the value comes from.
	// Secret: the value is sealed like a credential and never shown again.
	// Required: a value must be given, because none of these supplies it.
	Optional  bool
	Hidden    bool
	Automated bool
	Secret    bool
	Required  bool

	// Prefix and Suffix are shown around the input: "https://", ".example.com".
	// Whoever types them along with the value means the same.
	Prefix string
	Suffix string
	// DocSection is an anchor in the provider's DocsConnect page.
	DocSection string
	// VisibleWhen, if not nil, makes the field depend on another.
	VisibleWhen *FieldCondition
	// Warnings has text to show next to certain values.
	Warnings map[string]string

	// Source is where an automated value comes from: "token_response:PATH",
	// "callback:NAME", "webhook:PATH", "application" or "discovery"; empty when
	// the entry does not say.
	Source string
}

// FieldCondition is met when another field has a certain value.
type FieldCondition struct {
	Field  string
	Equals string
}

// newProvider copies what is public of an entry.
func newProvider(e *spec.Entry) Provider {
	p := Provider{
		Name:              e.Name,
		DisplayName:       e.DisplayName,
		AuthMode:          AuthMode(e.AuthMode),
		Categories:        slices.Clone(e.Categories),
		Service:           cmp.Or(e.Service, e.Name),
		Methods:           slices.Clone(e.Methods),
		Docs:              e.Docs,
		DocsConnect:       e.DocsConnect,
		SetupGuideURL:     e.SetupGuideURL,
		DefaultScopes:     slices.Clone(e.DefaultScopes),
		ScopeSeparator:    e.ScopeSeparator,
		ConfigFields:      newFields(e.ConnectionConfig),
		CredentialFields:  newFields(e.Credentials),
		IntegrationFields: newFields(e.IntegrationConfig),
		HasWebhooks:       e.WebhookRoutingScript != "" || e.WebhookUserDefinedSecret || e.Webhooks != nil,
		Deprecated:        e.Deprecated,
		Sources:           slices.Clone(e.Sources),
		Checked:           e.Checked,
		Unverified:        e.Unverified,
		entry:             e,
	}
	if p.DisplayName == "" {
		p.DisplayName = p.Name
	}
	return p
}

func newFields(fields spec.Fields) []Field {
	if len(fields) == 0 {
		return nil
	}
	out := make([]Field, 0, len(fields))
	for _, f := range fields.Ordered() {
		field := Field{
			Name: f.Name, Title: f.Title, Description: f.Description, Example: f.Example,
			Pattern: f.Pattern, Format: f.Format, Enum: slices.Clone(f.Enum),
			Optional: f.Optional, Hidden: f.Hidden, Automated: f.Automated, Secret: f.IsSecret(), Required: f.Required(),
			Prefix: f.Prefix, Suffix: f.Suffix, DocSection: f.DocSection, Warnings: maps.Clone(f.Warnings), Source: f.Source,
		}
		if f.DefaultValue != nil {
			field.Default, field.HasDefault = *f.DefaultValue, true
		}
		if w := f.VisibleWhen; w != nil {
			field.VisibleWhen = &FieldCondition{Field: w.Field, Equals: w.Equals}
		}
		out = append(out, field)
	}
	return out
}
