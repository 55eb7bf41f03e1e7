package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/tieline/tieline"
)

// form is a way to connect by typing something in.
type form struct {
	pattern string
	read    func(o *object) (tieline.Credential, error)
	// code and status are the answer to a provider that refuses.
	code   string
	status int
}

// forms are all of them, by the paths that clients know.
func forms() []form {
	return []form{
		{pattern: "/api-auth/api-key/{key}", read: readAPIKey},
		{pattern: "/api-auth/basic/{key}", read: readBasic},
		{pattern: "/auth/tba/{key}", read: readTBA, code: "invalid_credentials"},
		{pattern: "/auth/jwt/{key}", read: readJWT},
		{pattern: "/auth/two-step/{key}", read: readTwoStep},
		{pattern: "/auth/bill/{key}", read: readBill},
		{pattern: "/auth/signature/{key}", read: readSignature},
		{pattern: "/auth/aws-sigv4/{key}", read: readAWS, code: "aws_sigv4_sts_request_failed", status: http.StatusBadGateway},
		{pattern: "/auth/unauthenticated/{key}", read: readNothing},
		{pattern: "/oauth2/auth/{key}", read: readClient, code: "client_credentials_fetch_error"},
	}
}

func (s *server) formRoutes() []route {
	routes := []route{{method: "POST", pattern: "/auth/oauth-outbound/{key}", access: endUser, jsonOnly: true, serve: s.refuseOutbound}}
	for _, f := range forms() {
		routes = append(routes, route{method: "POST", pattern: f.pattern, access: endUser, jsonOnly: true, serve: s.submit(f)})
	}
	return routes
}

// submit makes the connection of a session.
func (s *server) submit(f form) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		session, err := s.mayConnect(r)
		if err != nil {
			return err
		}
		key := r.PathValue("key")
		id, in, err := s.connectionInput(r.Context(), session, key, readQuery(r.URL.Query()))
		if err != nil {
			return err
		}
		o, err := readBody(r)
		if err != nil {
			return err
		}
		if in.Credential, err = f.read(o); err != nil {
			return err
		}
		if err := o.err("invalid_body"); err != nil {
			return err
		}
		// Whoever leaves meanwhile has used the session all the same. The Client bounds
		// how long this takes.
		ctx := context.WithoutCancel(r.Context())
		conn, err := s.client.Connections.Create(ctx, key, id, in)
		if err != nil {
			return f.problem(err)
		}
		if err := s.finish(ctx, callerOf(r), conn); err != nil {
			return err
		}
		writeJSON(w, http.StatusOK, map[string]string{"connectionId": conn.ID, "providerConfigKey": conn.Integration})
		return nil
	}
}

var errAuthMode = &problem{status: http.StatusBadRequest, code: "invalid_auth_mode", message: "The integration's provider does not connect this way", payload: noPayload()}

// problem is the answer to a connection that could not be made.
func (f form) problem(err error) error {
	code := orElse(f.code, "connection_test_failed")
	if p := providerProblem(err, code); p != nil {
		if f.status != 0 {
			p.status = f.status
		}
		return p
	}
	switch {
	case errors.Is(err, tieline.ErrWrongMode):
		return errAuthMode
	case errors.Is(err, tieline.ErrNotFound): // deleted meanwhile
		return &problem{status: http.StatusNotFound, code: "unknown_provider_config", message: "There is no such integration", payload: noPayload()}
	}
	return connectionProblem(bareCredential(err), map[string]string{"config": "params", "webhook_url": "webhook_url_override"})
}

// bareCredential takes "credential" from the fields that an error names: in a form
// they are the body itself.
func bareCredential(err error) error {
	items := fieldItems(err, nil)
	if len(items) == 0 {
		return err
	}
	fields := make([]error, len(items))
	for n, it := range items {
		if it.Path[0] == "credential" && len(it.Path) > 1 {
			it.Path = it.Path[1:]
		}
		fields[n] = &tieline.FieldError{Field: strings.Join(it.Path, "."), Reason: it.Message}
	}
	return errors.Join(fields...)
}

// refuseOutbound: a connection that begins at the provider is made of the provider's
// webhook, and until that comes there is nothing to keep.
func (s *server) refuseOutbound(_ http.ResponseWriter, r *http.Request) error {
	session, err := s.mayConnect(r)
	if err != nil {
		return err
	}
	if _, _, err := s.connectionInput(r.Context(), session, r.PathValue("key"), readQuery(r.URL.Query())); err != nil {
		return err
	}
	return errAuthMode
}

func readAPIKey(o *object) (tieline.Credential, error) {
	cred := &tieline.APIKey{Key: secretText(o, "apiKey", 1, maxTypedIn)}
	o.strict()
	return cred, nil
}

func readBasic(o *object) (tieline.Credential, error) {
	cred := &tieline.Basic{Username: secretText(o, "username", 0, maxTypedIn), Password: secretText(o, "password", 0, maxTypedIn)}
	o.strict()
	return cred, nil
}

func readTBA(o *object) (tieline.Credential, error) {
	cred := &tieline.TBA{TokenID: secretText(o, "token_id", 1, maxAppSecret), TokenSecret: secretText(o, "token_secret", 1, maxAppSecret)}
	cred.ClientID, _ = o.optionalText("oauth_client_id_override", maxLength(maxName))
	cred.ClientSecret = optionalSecret(o, "oauth_client_secret_override", 0, maxAppSecret)
	o.strict()
	return cred, nil
}

func readBill(o *object) (tieline.Credential, error) {
	cred := &tieline.Bill{
		Username: secretText(o, "username", 1, maxTypedIn), Password: secretText(o, "password", 1, maxTypedIn),
		OrganizationID: secretText(o, "organization_id", 1, maxTypedIn), DevKey: secretText(o, "dev_key", 1, maxTypedIn),
	}
	o.strict()
	return cred, nil
}

func readSignature(o *object) (tieline.Credential, error) {
	cred := &tieline.Signature{Username: secretText(o, "username", 1, maxTypedIn), Password: secretText(o, "password", 1, maxTypedIn)}
	o.ignore("type") // there is one kind
	o.strict()
	return cred, nil
}

// readAWS takes the external ID that the page showed to the user, who has told the
// role of it. It is a UUID, so that nobody guesses another's.
func readAWS(o *object) (tieline.Credential, error) {
	cred := &tieline.AWS{RoleARN: o.text("role_arn", minLength(1), maxLength(maxAppSecret))}
	cred.Region, _ = o.optionalText("region", maxLength(64), matching(`^[a-z0-9-]+$`))
	cred.ExternalID, _ = o.optionalText("external_id", uuid)
	o.strict()
	return cred, nil
}

func uuid(s string) (code, message string) {
	if !isUUID(s) {
		return "invalid_format", "Invalid UUID"
	}
	return "", ""
}

func readNothing(o *object) (tieline.Credential, error) {
	o.strict()
	return &tieline.None{}, nil
}

func readClient(o *object) (tieline.Credential, error) {
	cred := &tieline.ClientCredentials{
		ClientSecret: optionalSecret(o, "client_secret", 0, maxAppSecret),
		Certificate:  optionalSecret(o, "client_certificate", 0, maxPEM), PrivateKey: optionalSecret(o, "client_private_key", 0, maxPEM),
	}
	cred.ClientID, _ = o.optionalText("client_id", maxLength(maxName))
	o.strict()
	switch err := o.err("invalid_body"); {
	case err != nil:
		return nil, err
	case cred.ClientID == "":
		return nil, flatFault("missing_client_id", "Missing param 'client_id'")
	case cred.ClientSecret.IsZero() && cred.PrivateKey.IsZero():
		return nil, flatFault("missing_client_secret", "Missing param 'client_secret'")
	}
	return cred, nil
}

// The fields of these two are the provider's own.

func readJWT(o *object) (tieline.Credential, error) {
	return &tieline.JWT{Values: typedIn(o)}, nil
}

func readTwoStep(o *object) (tieline.Credential, error) {
	cred := &tieline.TwoStep{}
	if options := o.object("assertionOption", false); options != nil {
		cred.Options = typedIn(options)
	}
	cred.Values = typedIn(o)
	return cred, nil
}

// typedIn reads every member that was not read yet. A key that has its ID with it
// comes as an object of both, and is kept as "id:secret".
func typedIn(o *object) map[string]tieline.Secret {
	out := map[string]tieline.Secret{}
	for _, name := range o.order {
		if o.read[name] {
			continue
		}
		switch v, _ := o.get(name); v := v.(type) {
		case string:
			out[name] = tieline.NewSecret(v)
		case json.Number:
			out[name] = tieline.NewSecret(v.String())
		case map[string]any:
			pair := o.object(name, true)
			out[name] = tieline.NewSecret(pair.text("id", minLength(1)) + ":" + pair.text("secret", minLength(1)))
			pair.strict()
		default:
			o.wrongType(name, "string", v, true)
		}
	}
	return out
}
