package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tieline/tieline"
)

const (
	maxTags     = 10
	maxTagKey   = 64
	maxTagValue = 255
)

// tagKey compiles at each use, which is once a request.
func tagKey() *regexp.Regexp { return regexp.MustCompile(patternTagKey) }

// readTags reads tags, with their keys in lower case. It reports whether there are
// any, which no tags at all are too.
func readTags(o *object, name string) (tags map[string]string, there bool) {
	if !o.has(name) {
		return nil, false
	}
	inner := o.object(name, true)
	if inner == nil {
		return nil, false
	}
	tags = map[string]string{}
	pattern := tagKey()
	for _, key := range inner.order {
		if len(key) > maxTagKey || !pattern.MatchString(key) {
			inner.report("invalid_key", "Invalid key in record", inner.at(key))
			continue
		}
		rules := []rule{minLength(1), maxLength(maxTagValue)}
		lower := strings.ToLower(key)
		if lower == "end_user_email" {
			rules = append(rules, isEmail)
		}
		value, ok := inner.optional(key, true, rules)
		if _, twice := tags[lower]; twice {
			inner.report("custom", "Tag keys must be unique in lower case", inner.at(key))
		} else if ok {
			tags[lower] = value
		}
	}
	return tags, true
}

// readEndUser reads the user of a connection without the organization, which stands
// beside it. Nil if there is none.
func readEndUser(o *object, required bool) *tieline.EndUser {
	u := o.object("end_user", required)
	if u == nil {
		return nil
	}
	out := &tieline.EndUser{ID: u.text("id", minLength(1), maxLength(maxName))}
	out.Email, _ = u.optionalText("email", minLength(5), isEmail)
	out.DisplayName, _ = u.optionalText("display_name", maxLength(maxName))
	if tags := u.object("tags", false); tags != nil {
		pattern := tagKey()
		out.Tags = map[string]string{}
		for _, key := range tags.order {
			if len(key) > maxTagKey || !pattern.MatchString(key) {
				tags.report("invalid_key", "Invalid key in record", tags.at(key))
			} else if value, ok := tags.optional(key, true, []rule{maxLength(maxName)}); ok {
				out.Tags[key] = value
			}
		}
	}
	u.strict()
	return out
}

func readOrganization(o *object) *tieline.Organization {
	org := o.object("organization", false)
	if org == nil {
		return nil
	}
	out := &tieline.Organization{ID: org.text("id", minLength(1), maxLength(maxName))}
	out.DisplayName, _ = org.optionalText("display_name", maxLength(maxName))
	org.strict()
	return out
}

// readWebhookURL reads where events of a connection go. The empty string is there
// too.
func (s *server) readWebhookURL(o *object) (target string, there bool) {
	return o.optionalText("webhook_url_override", emptyOr(isURL), emptyOr(s.webhookTarget))
}

// webhookTarget refuses the surface itself, and its reference, as targets.
func (s *server) webhookTarget(raw string) (code, message string) {
	u, err := url.Parse(raw)
	if err != nil {
		return "custom", "Invalid URL"
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if host == "nango.dev" || strings.HasSuffix(host, ".nango.dev") {
		return "custom", "Webhook URLs cannot point to Nango's domain (nango.dev)."
	}
	own, err := url.Parse(s.options.PublicURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || strings.EqualFold(u.Host, own.Host) {
		return "custom", "This webhook URL is not allowed."
	}
	return "", ""
}

// allTags are the tags of a connection: the explicit ones, then what follows from
// the user and the organization, then the user's own, as many as there may be. Of
// those that follow, the user's own come first where they have the same key, and what
// cannot be a tag is left out.
func allTags(u *tieline.EndUser, org *tieline.Organization, explicit map[string]string) map[string]string {
	derived := map[string]string{}
	pattern := tagKey()
	set := func(key, value string) {
		key, value = cut(strings.ToLower(key), maxTagKey), cut(value, maxTagValue)
		notEmail, _ := isEmail(value)
		switch {
		case !pattern.MatchString(key), value == "", strings.ContainsFunc(value, unicode.IsControl), key == "end_user_email" && notEmail != "":
		default:
			derived[key] = value
		}
	}
	if u != nil {
		set("end_user_id", u.ID)
		set("end_user_email", u.Email)
		set("end_user_display_name", u.DisplayName)
	}
	if org != nil {
		set("organization_id", org.ID)
		set("organization_display_name", org.DisplayName)
	}
	keys := sortedKeys(derived)
	if u != nil {
		for _, key := range sortedKeys(u.Tags) {
			set(key, u.Tags[key])
		}
	}
	out := maps.Clone(explicit)
	if out == nil {
		out = map[string]string{}
	}
	for _, key := range append(keys, sortedKeys(derived)...) {
		if _, there := out[key]; !there && len(out) < maxTags {
			out[key] = derived[key]
		}
	}
	return out
}

// cut shortens a text to so many bytes.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

// rawObject reads a JSON object of any shape. Nil if it is absent.
func rawObject(o *object, name string, required bool) (json.RawMessage, error) {
	inner := o.object(name, required)
	if inner == nil {
		return nil, nil
	}
	return json.Marshal(inner.members)
}

// scopesOverride is a member of a connection's config, in requests, that is no part
// of it.
const scopesOverride = "oauth_scopes_override"

// readConfig reads the config of a connection, whose values are texts. Numbers and
// booleans are taken for their text.
func readConfig(o *object) map[string]string {
	inner := o.object("connection_config", false)
	if inner == nil {
		return nil
	}
	out := map[string]string{}
	for _, name := range inner.order {
		if name == scopesOverride {
			continue
		}
		switch v, _ := inner.get(name); v := v.(type) {
		case string:
			out[name] = v
		case json.Number:
			out[name] = v.String()
		case bool:
			out[name] = strconv.FormatBool(v)
		default:
			inner.wrongType(name, "string", v, true)
		}
	}
	return out
}

// connectionFields are the names in requests of what a Client calls otherwise.
func connectionFields() map[string]string {
	return map[string]string{
		"connection": "connection_id", "integration": "provider_config_key", "config": "connection_config",
		"credential": "credentials", "webhook_url": "webhook_url_override",
	}
}

// connectionProblem turns what the Client finds wrong with a connection into an
// answer. renamed are the names of its fields in the request.
func connectionProblem(err error, renamed map[string]string) error {
	if errors.Is(err, tieline.ErrClosed) {
		return err
	}
	if p := providerProblem(err, "connection_test_failed"); p != nil {
		return p
	}
	items := fieldItems(err, renamed)
	if len(items) == 0 {
		return err
	}
	p := invalid("invalid_body", items...)
	p.message = items[0].Message
	return p
}

// providerProblem is the answer to a provider that does not take a credential, or
// nil. It shows statuses and codes, and nothing else of what a provider says.
func providerProblem(err error, code string) *problem {
	var verification *tieline.VerificationError
	var token *tieline.TokenError
	p := &problem{status: http.StatusBadRequest, code: code, message: "The provider did not accept the credentials"}
	status, soon, why := 0, false, ""
	switch {
	case errors.As(err, &verification):
		status, soon = verification.Status, verification.Temporary()
	case errors.As(err, &token):
		if token.Status == 0 && len(fieldItems(err, nil)) > 0 {
			return nil // it is what was given, and nobody was asked
		}
		status, soon, why = token.Status, token.Temporary(), token.Code
	default:
		return nil
	}
	if soon || status == 0 {
		p.message = "The provider could not be asked whether the credentials are right. Try again later"
	}
	if status != 0 {
		p.message += fmt.Sprintf(" (it answered with status %d)", status)
	}
	if why != "" {
		p.message += ": " + why
	}
	return p
}
