package httpapi

import (
	"cmp"
	"crypto/sha256"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/tieline/tieline"
)

// pageField is a field of the form, as the page's script draws it.
type pageField struct {
	Group       string            `json:"group"` // "config" or "credentials"
	Name        string            `json:"name"`
	Title       string            `json:"title"`
	Description string            `json:"description,omitempty"`
	Example     string            `json:"example,omitempty"`
	Value       string            `json:"value,omitempty"`
	Enum        []string          `json:"enum,omitempty"`
	Required    bool              `json:"required,omitempty"`
	Secret      bool              `json:"secret,omitempty"`
	Lines       bool              `json:"lines,omitempty"` // the value has several
	Fixed       bool              `json:"fixed,omitempty"` // shown, not typed in
	Kind        string            `json:"kind"`            // of the input: "text", "url" or "email"
	Prefix      string            `json:"prefix,omitempty"`
	Suffix      string            `json:"suffix,omitempty"`
	Help        string            `json:"help,omitempty"`
	VisibleWhen *visibleWhen      `json:"visibleWhen,omitempty"`
	Warnings    map[string]string `json:"warnings,omitempty"`
}

type visibleWhen struct {
	Field  string `json:"field"`
	Equals string `json:"equals"`
}

// fieldExternalID is what an AWS role is told by whoever may assume it. It is made
// here: with one of their own choice users could have the role of somebody else.
const fieldExternalID = "external_id"

// externalID is that of a session, the same whenever its page is loaded.
func externalID(session tieline.Session) string {
	sum := sha256.Sum256([]byte("external ID of " + session.ID))
	return formatUUID([16]byte(sum[:16]))
}

const (
	groupConfig      = "config"
	groupCredentials = "credentials"
)

// signsIn says whether connections to a provider begin with a page of the provider.
// A mode that an application has added asks for fields, or else sends the user away.
func signsIn(p tieline.Provider) bool {
	switch p.AuthMode {
	case tieline.ModeOAuth2, tieline.ModeOAuth1, tieline.ModeApp, tieline.ModeCustom, tieline.ModeInstallPlugin, tieline.ModeMCPOAuth2, tieline.ModeMCPOAuth2Generic:
		return true
	case tieline.ModeNone:
		return false
	}
	return len(credentialFields(p)) == 0
}

// credentialFields are those of the provider's credential: what its entry declares,
// or what its mode consists of where the entry says nothing.
func credentialFields(p tieline.Provider) []tieline.Field {
	external := tieline.Field{
		Name: fieldExternalID, Title: "External ID", Optional: true, Description: "Have the role's trust policy ask for exactly this external ID.",
	}
	if len(p.CredentialFields) > 0 {
		declared := slices.ContainsFunc(p.CredentialFields, func(f tieline.Field) bool { return f.Name == fieldExternalID })
		if p.AuthMode == tieline.ModeAWSSigV4 && !declared {
			return append(slices.Clone(p.CredentialFields), external)
		}
		return p.CredentialFields
	}
	field := func(name, title string) tieline.Field {
		return tieline.Field{Name: name, Title: title, Required: true}
	}
	secret := func(name, title string) tieline.Field {
		return tieline.Field{Name: name, Title: title, Required: true, Secret: true}
	}
	switch p.AuthMode {
	case tieline.ModeAPIKey:
		return []tieline.Field{secret("apiKey", "API key")}
	case tieline.ModeBasic, tieline.ModeSignature:
		return []tieline.Field{field("username", "User name"), secret("password", "Password")}
	case tieline.ModeOAuth2CC:
		return []tieline.Field{field("client_id", "Client ID"), secret("client_secret", "Client secret")}
	case tieline.ModeTBA:
		return []tieline.Field{secret("token_id", "Token ID"), secret("token_secret", "Token secret")}
	case tieline.ModeBill:
		return []tieline.Field{field("username", "User name"), secret("password", "Password"), field("organization_id", "Organization ID"), secret("dev_key", "Developer key")}
	case tieline.ModeAWSSigV4:
		return []tieline.Field{field("role_arn", "Role ARN"), {Name: "region", Title: "Region", Optional: true}, external}
	}
	return nil
}

// formFields is what the user is asked for: nothing that the application has decided
// (defaults) or that nobody types in. known are values of the connection that is
// made anew.
func formFields(p tieline.Provider, session tieline.Session, defaults, known map[string]string, help string) []pageField {
	out := []pageField{}
	add := func(group string, fields []tieline.Field) {
		for _, f := range fields {
			if _, decided := defaults[f.Name]; group == groupConfig && decided || f.Hidden || f.Automated {
				continue
			}
			field := newPageField(group, f, known, help)
			if isExternalID(p, group, f.Name) {
				field.Value, field.Fixed = externalID(session), true
			}
			out = append(out, field)
		}
	}
	add(groupConfig, p.ConfigFields)
	if !signsIn(p) {
		add(groupCredentials, credentialFields(p))
	}
	return out
}

func isExternalID(p tieline.Provider, group, name string) bool {
	return p.AuthMode == tieline.ModeAWSSigV4 && group == groupCredentials && name == fieldExternalID
}

func newPageField(group string, f tieline.Field, known map[string]string, help string) pageField {
	out := pageField{
		Group: group, Name: f.Name, Title: cmp.Or(f.Title, f.Name), Description: f.Description, Example: f.Example,
		Enum: f.Enum, Required: f.Required, Secret: f.Secret, Kind: "text", Prefix: f.Prefix, Suffix: f.Suffix, Warnings: f.Warnings,
	}
	if f.HasDefault && !f.Secret {
		out.Value = f.Default
	}
	if v := known[f.Name]; v != "" && group == groupConfig && !f.Secret {
		out.Value = v
	}
	switch {
	case f.Prefix != "" || f.Suffix != "":
	case f.Format == "uri":
		out.Kind = "url"
	case f.Format == "email":
		out.Kind = "email"
	}
	if f.DocSection != "" && help != "" {
		base, _, _ := strings.Cut(help, "#")
		out.Help = base + "#" + url.PathEscape(f.DocSection)
	}
	if v := f.VisibleWhen; v != nil {
		out.VisibleWhen = &visibleWhen{Field: v.Field, Equals: v.Equals}
	}
	out.Lines = f.Secret && hasLines(f)
	return out
}

// hasLines says whether a secret is likely to have several lines: a key or a
// certificate in PEM, or a file of JSON. An input of one line would run them together.
func hasLines(f tieline.Field) bool {
	name := strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(f.Name))
	for _, word := range []string{"privatekey", "certificate", "serviceaccount", "pem"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return strings.Contains(f.Example+f.Description, "-----BEGIN") || strings.Contains(f.Description, "PEM")
}

// safeLink lets a link to a help page through that is one.
func safeLink(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return ""
	}
	return u.String()
}

// formCredential makes the credential of a provider's mode from what was typed in.
func formCredential(p tieline.Provider, session tieline.Session, values map[string]string) (tieline.Credential, error) {
	fields := credentialFields(p)
	var unknown []item
	for _, name := range sortedKeys(values) {
		known := slices.ContainsFunc(fields, func(f tieline.Field) bool { return f.Name == name && !f.Automated })
		if !known {
			unknown = append(unknown, item{Code: "custom", Message: "There is no field of this name", Path: []string{groupCredentials, name}})
		}
	}
	if unknown != nil {
		return nil, invalid("invalid_body", unknown...)
	}
	secrets := make(map[string]tieline.Secret, len(values))
	for name, v := range values {
		secrets[name] = tieline.NewSecret(v)
	}
	switch p.AuthMode {
	case tieline.ModeNone:
		return &tieline.None{}, nil
	case tieline.ModeAPIKey:
		return &tieline.APIKey{Key: secrets["apiKey"]}, nil
	case tieline.ModeBasic:
		return &tieline.Basic{Username: secrets["username"], Password: secrets["password"]}, nil
	case tieline.ModeSignature:
		return &tieline.Signature{Username: secrets["username"], Password: secrets["password"]}, nil
	case tieline.ModeBill:
		return &tieline.Bill{Username: secrets["username"], Password: secrets["password"], OrganizationID: secrets["organization_id"], DevKey: secrets["dev_key"]}, nil
	case tieline.ModeTBA:
		return &tieline.TBA{TokenID: secrets["token_id"], TokenSecret: secrets["token_secret"]}, nil
	case tieline.ModeAWSSigV4:
		return &tieline.AWS{RoleARN: values["role_arn"], Region: values["region"], ExternalID: externalID(session)}, nil
	case tieline.ModeOAuth2CC:
		return &tieline.ClientCredentials{
			ClientID: values["client_id"], ClientSecret: secrets["client_secret"],
			Certificate: secrets["client_certificate"], PrivateKey: secrets["client_private_key"],
		}, nil
	case tieline.ModeJWT:
		return &tieline.JWT{Values: secrets}, nil
	case tieline.ModeTwoStep:
		return &tieline.TwoStep{Values: secrets}, nil
	}
	if signsIn(p) {
		return nil, &problem{status: http.StatusBadRequest, code: "invalid_auth_mode", message: "Connections through this integration begin with a sign-in at the provider"}
	}
	return &tieline.Fields{Mode: p.AuthMode, Values: secrets}, nil
}

// formItems are the fields of the form that an error names, each with a sentence for
// the person who fills it in.
func formItems(err error) []item {
	items := fieldItems(err, map[string]string{"credential": groupCredentials})
	for n := range items {
		items[n].Message = sentence(items[n].Message)
	}
	return items
}

// sentence makes one of a reason such as "it is not a host name".
func sentence(reason string) string {
	if rest, ok := strings.CutPrefix(reason, "it "); ok {
		reason = "this " + rest
	}
	if reason == "is required" || reason == "" {
		reason = "a value is required"
	}
	if strings.HasPrefix(reason, "is ") || strings.HasPrefix(reason, "must ") || strings.HasPrefix(reason, "has ") {
		reason = "this " + reason
	}
	text := strings.ToUpper(reason[:1]) + reason[1:]
	if text, example, ok := strings.Cut(text, ", such as "); ok {
		return text + ". Example: " + example
	}
	return text + "."
}
