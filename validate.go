package tieline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"strings"
	"unicode/utf8"
)

// The rules for names are the same when writing and when reading, so that
// nothing can be stored that could not be asked for.
const (
	maxURL      = 2048
	maxMetadata = 256 << 10
	maxTags     = 10
	maxTagKey   = 64
)

// What names may have beside ASCII letters and digits.
const (
	keyExtra        = "~:.@ _-"
	connectionExtra = `,.;:=+~[]|@${}"'\/_ -`
	scopeExtra      = ":/_.*-"
	tagKeyExtra     = "_-./"
)

// checkKey is the rule for an integration's key.
func checkKey(field, key string) error {
	if key == "." || key == ".." { // they are no part of a URL's path
		return &FieldError{Field: field, Reason: "must not be a dot or two"}
	}
	if isName(key, keyExtra) && len(key) <= maxName {
		return nil
	}
	return checkText(field, key, 1, maxName, func(string) string {
		return "must be ASCII letters, digits, spaces and ~ : . @ _ -"
	})
}

// checkConnectionID is the rule for a connection's ID.
func checkConnectionID(field, id string) error {
	if isName(id, connectionExtra) && len(id) <= maxName {
		return nil
	}
	return checkText(field, id, 1, maxName, func(string) string {
		return `must be ASCII letters, digits, spaces and , . ; : = + ~ [ ] | @ $ { } " ' \ / _ -`
	})
}

// checkNames is checkKey and checkConnectionID.
func checkNames(integration, connection string) error {
	if err := checkKey("integration", integration); err != nil {
		return err
	}
	return checkConnectionID("connection", connection)
}

// isName says whether s is not empty and has nothing but ASCII letters, digits
// and the extra characters.
func isName(s, extra string) bool {
	for i := range len(s) {
		if c := s[i]; !isLetter(c) && (c < '0' || c > '9') && strings.IndexByte(extra, c) < 0 {
			return false
		}
	}
	return s != ""
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// isTagKey is the rule for the keys of tags.
func isTagKey(s string) bool {
	return isName(s, tagKeyExtra) && isLetter(s[0]) && len(s) <= maxTagKey
}

// checkText bounds a text in bytes and applies a further rule, which answers
// with what is wrong.
func checkText(field, s string, shortest, longest int, rule func(string) string) error {
	switch {
	case s == "" && shortest > 0:
		return &FieldError{Field: field, Reason: "is required"}
	case len(s) > longest:
		return &FieldError{Field: field, Reason: fmt.Sprintf("is longer than %d bytes", longest)}
	case !utf8.ValidString(s):
		return &FieldError{Field: field, Reason: "is not valid UTF-8"}
	case strings.ContainsFunc(s, isControl):
		return &FieldError{Field: field, Reason: "has a control character"}
	case rule != nil && s != "":
		if reason := rule(s); reason != "" {
			return &FieldError{Field: field, Reason: reason}
		}
	}
	return nil
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }

func printableASCII(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r > 0x7e }) {
		return "must be printable ASCII"
	}
	return ""
}

// checkTags returns the tags with their keys in lower case.
func checkTags(field string, tags map[string]string) (map[string]string, error) {
	if len(tags) > maxTags {
		return nil, &FieldError{Field: field, Reason: fmt.Sprintf("has more than %d entries", maxTags)}
	}
	var problems []error
	out := make(map[string]string, len(tags))
	for key, value := range tags {
		lower := strings.ToLower(key)
		switch {
		case !isTagKey(key):
			problems = append(problems, &FieldError{Field: field, Reason: "has a key that is not a letter followed by at most 63 letters, digits and _ - . /"})
			continue
		case out[lower] != "":
			problems = append(problems, &FieldError{Field: field + "." + lower, Reason: "is given twice, keys being compared in lower case"})
		}
		if err := checkText(field+"."+lower, value, 1, maxName, nil); err != nil {
			problems = append(problems, err)
		}
		if lower == "end_user_email" {
			if err := checkEmail(field+"."+lower, value); err != nil {
				problems = append(problems, err)
			}
		}
		out[lower] = value
	}
	if len(out) == 0 {
		out = nil
	}
	return out, errors.Join(problems...)
}

func checkEmail(field, s string) error {
	addr, err := mail.ParseAddress(s)
	if err != nil || addr.Address != s || len(s) < 5 || len(s) > maxName {
		return &FieldError{Field: field, Reason: "is not an e-mail address"}
	}
	return nil
}

// checkEndUser accepts nil.
func checkEndUser(u *EndUser) error {
	if u == nil {
		return nil
	}
	problems := []error{
		checkText("end_user.id", u.ID, 1, maxName, nil),
		checkText("end_user.display_name", u.DisplayName, 0, maxName, nil),
	}
	if u.Email != "" {
		problems = append(problems, checkEmail("end_user.email", u.Email))
	}
	for key, value := range u.Tags {
		if !isTagKey(key) {
			problems = append(problems, &FieldError{Field: "end_user.tags", Reason: "has a key that cannot be accepted"})
			continue
		}
		problems = append(problems, checkText("end_user.tags."+key, value, 0, maxName, nil))
	}
	if o := u.Organization; o != nil {
		problems = append(problems,
			checkText("end_user.organization.id", o.ID, 1, maxName, nil),
			checkText("end_user.organization.display_name", o.DisplayName, 0, maxName, nil))
	}
	return errors.Join(problems...)
}

// checkMetadata accepts a JSON object, or nothing, and returns it compact.
func checkMetadata(field string, m json.RawMessage) (json.RawMessage, error) {
	if len(m) == 0 || string(m) == "null" {
		return nil, nil
	}
	if len(m) > maxMetadata {
		return nil, &FieldError{Field: field, Reason: fmt.Sprintf("is longer than %d bytes", maxMetadata)}
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(m, &object) != nil || object == nil {
		return nil, &FieldError{Field: field, Reason: "must be a JSON object"}
	}
	var b bytes.Buffer
	if err := json.Compact(&b, m); err != nil {
		return nil, &FieldError{Field: field, Reason: "must be a JSON object"}
	}
	return b.Bytes(), nil
}

// checkWebhookURL accepts the empty string.
func checkWebhookURL(field, raw string) error {
	if raw == "" {
		return nil
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || len(raw) > maxURL {
		return &FieldError{Field: field, Reason: "must be an absolute http or https URL"}
	}
	return nil
}

// checkWebhooks checks what an integration's webhooks are verified with.
func checkWebhooks(in Integration) error {
	const maxSecrets, maxParams = 10, 20
	var problems []error
	if len(in.WebhookSecrets) > maxSecrets {
		problems = append(problems, &FieldError{Field: "webhook_secrets", Reason: fmt.Sprintf("are more than %d", maxSecrets)})
	}
	for n, s := range in.WebhookSecrets {
		oneLine := strings.NewReplacer("\r", "", "\n", "").Replace(s.Reveal()) // a public key has several
		problems = append(problems, checkText(fmt.Sprintf("webhook_secrets[%d]", n), oneLine, 1, maxSecret, nil))
	}
	if len(in.WebhookParams) > maxParams {
		problems = append(problems, &FieldError{Field: "webhook_params", Reason: fmt.Sprintf("are more than %d", maxParams)})
	}
	for name, v := range in.WebhookParams {
		problems = append(problems,
			checkText("webhook_params", name, 1, maxName, printableASCII),
			checkText("webhook_params."+name, v, 0, maxName, nil))
	}
	return errors.Join(problems...)
}
