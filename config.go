package tieline

import (
	"errors"
	"maps"
	"slices"

	"github.com/tieline/tieline/internal/spec"
)

// checkConfig checks values against a provider's fields and separates the
// secret ones. known are names that may have values without being declared.
// old are the secret values stored so far, which stay unless given anew; an
// empty string removes one.
func checkConfig(fields spec.Fields, known []string, given, old map[string]string) (plain, secrets map[string]string, err error) {
	all := make(map[string]string, len(given)+len(old))
	maps.Copy(all, old)
	maps.Copy(all, given)
	values, secret, problems := fields.Validate(all, spec.ValidateOptions{Known: known})
	if err := fieldErrors("config.", problems); err != nil {
		return nil, nil, err
	}
	for name, v := range values {
		switch {
		case v == "":
		case secret[name], name == ownWebhookSecret:
			secrets = put(secrets, name, v)
		default:
			plain = put(plain, name, v)
		}
	}
	return plain, secrets, nil
}

// configNames are the names that a connection's config may have without a field for
// them. The scopes to ask for are the connection's own where it is a client itself.
func configNames(e *spec.Entry) []string {
	names := append(slices.Clone(e.ConfigNames), ownWebhookSecret)
	if e.AuthMode == spec.OAuth2CC {
		names = append(names, oauthScopes)
	}
	return names
}

// oauthScopes has the scopes of a client, separated by commas.
const oauthScopes = "oauth_scopes"

// checkFields checks the parts of a credential, and fills in what the provider
// sets itself.
func checkFields(fields spec.Fields, given map[string]string) (map[string]string, error) {
	known := slices.Collect(maps.Keys(given))
	values, _, problems := fields.Validate(given, spec.ValidateOptions{Known: known})
	return values, fieldErrors("credential.", problems)
}

func fieldErrors(prefix string, problems []spec.FieldProblem) error {
	errs := make([]error, 0, len(problems))
	for _, p := range problems {
		errs = append(errs, &FieldError{Field: prefix + p.Name, Reason: p.Message})
	}
	return errors.Join(errs...)
}

func put(m map[string]string, k, v string) map[string]string {
	if m == nil {
		m = map[string]string{}
	}
	m[k] = v
	return m
}
