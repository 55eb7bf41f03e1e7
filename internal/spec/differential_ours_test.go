package spec

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tieline/tieline/internal/template"
)

// What this project sends for an entry: its compiled form, put together in the way
// that the modes of the root package do.

// ours is one entry with one set of inputs.
type ours struct {
	e     *Entry
	in    diffInputs
	creds map[string]string
	step  int // of a login: how many answers there are
	extra map[string]string
}

// newOurs applies the fields' rules, as creating a connection does, and reports
// which field is refused.
func newOurs(e *Entry, in diffInputs) (ours, string) {
	config, _, problems := e.ConnectionConfig.Validate(in.config, ValidateOptions{AllowUnknown: true, Partial: in.unasked})
	creds, _, more := e.Credentials.Validate(in.creds, ValidateOptions{AllowUnknown: true, Partial: in.unasked})
	for _, p := range append(problems, more...) {
		return ours{}, p.Name + " " + p.Code
	}
	in.config = config
	return ours{e: e, in: in, creds: creds}, ""
}

func (o ours) with(extra map[string]string) ours {
	o.extra = extra
	return o
}

func (o ours) env() *template.Env {
	return &template.Env{
		Lookup: o.lookup, Now: func() time.Time { return diffNow() }, Rand: strings.NewReader(strings.Repeat("\x00", 64)),
		Sign: func(name string, args []string) (string, error) { return diffSigned(name, args), nil },
	}
}

func (o ours) lookup(r template.Ref) (string, bool) {
	if v, ok := o.extra[r.String()]; ok {
		return v, true
	}
	switch r.Space {
	case spaceConfig:
		v, ok := o.in.config[r.Name]
		return v, ok
	case spaceOption:
		v, ok := o.in.options[r.Name]
		return v, ok
	case spaceCredential:
		if v := o.in.shared[r.Name]; v != "" {
			return v, true
		}
		return o.credential(r.Name)
	case "":
		switch r.Name {
		case "clientId":
			return o.client(true)
		case "clientSecret":
			return o.client(false)
		}
		return o.credential(r.Name)
	}
	if n, ok := strings.CutPrefix(r.Space, "step"); ok {
		return diffAnswerText(r.Name), n >= "1" && n <= fmt.Sprint(o.step)
	}
	return "", false
}

func (o ours) client(id bool) (string, bool) {
	pair := [2]string{o.in.secret, o.in.id}
	if o.e.AuthMode == OAuth2CC {
		pair = [2]string{o.creds["client_secret"], o.creds["client_id"]}
	}
	if id {
		return pair[1], true
	}
	return pair[0], true
}

func (o ours) credential(name string) (string, bool) {
	if o.e.AuthMode.hasAccessToken() {
		switch name {
		case "accessToken", "token":
			return diffAccess, true
		}
	}
	if whole, part, dotted := strings.Cut(name, "."); dotted && o.e.AuthMode == JWT {
		id, secret, two := strings.Cut(o.creds[whole], ":")
		if part == "id" {
			return id, two
		}
		return secret, two && part == "secret"
	}
	v, ok := o.creds[name]
	return v, ok
}

// reason is the word for an error of the template package.
func reason(err error) string {
	var missing *template.MissingError
	if errors.As(err, &missing) {
		return "missing"
	}
	return "value"
}

// recorder is a call that is being put together; the first error ends it.
type recorder struct {
	*call
	env *template.Env
}

func (o ours) record() *recorder { return &recorder{call: newCall(), env: o.env()} }

func (r *recorder) fail(err error) {
	if r.err == "" {
		r.call.err = reason(err)
	}
}

func (r *recorder) target(u *template.URL) *url.URL {
	if u == nil {
		r.call.err = cmp.Or(r.err, "no URL")
		return &url.URL{}
	}
	target, err := u.Expand(r.env)
	if err != nil {
		r.fail(err)
		return &url.URL{}
	}
	return target
}

func (r *recorder) list(prefix string, params []Param) {
	for _, p := range params {
		v, send, err := p.Expand(r.env)
		if err != nil {
			r.fail(err)
		}
		if send && err == nil {
			r.fields[prefix+p.Name] = v
		}
	}
}

func (r *recorder) headers(params []Param) {
	for _, p := range params {
		p.Name = strings.ToLower(p.Name)
		r.list("header.", []Param{p})
	}
}

func (r *recorder) tree(prefix string, t Tree) {
	if t.IsZero() {
		return
	}
	v, err := t.Expand(r.env)
	if err != nil {
		r.fail(err)
		return
	}
	for _, m := range v.Map {
		r.put(prefix+m.Name, plainAny(m.Value))
	}
}

// plainAny is a value as a decoder would have it, so that it can be flattened.
func plainAny(v Value) any {
	switch v.Kind {
	case Object:
		out := map[string]any{}
		for _, m := range v.Map {
			out[m.Name] = plainAny(m.Value)
		}
		return out
	case List:
		out := []any{}
		for _, item := range v.List {
			out = append(out, plainAny(item))
		}
		return out
	}
	return v.Text
}

func (r *recorder) done() *call {
	if r.err != "" {
		return failed(r.err)
	}
	return r.call
}

// clientAuth puts the client's credentials where they go.
func (o ours) clientAuth(r *recorder) {
	id, _ := o.client(true)
	secret, _ := o.client(false)
	auth := o.e.ClientAuth
	if secret == "" && o.e.AuthMode.in(MCPOAuth2, MCPOAuth2Generic) {
		auth = ClientAuthNone
	}
	switch auth {
	case ClientAuthBody:
		r.fields["param.client_id"] = id
		if secret != "" {
			r.fields["param.client_secret"] = secret
		}
	case ClientAuthNone:
		r.fields["param.client_id"] = id
	case ClientAuthBasic:
		r.fields["header.authorization"] = basicOf(url.QueryEscape(id), url.QueryEscape(secret))
	case ClientAuthBasicRaw:
		r.fields["header.authorization"] = basicOf(id, secret)
	case ClientAuthCustom:
		r.fields["param.username"], r.fields["param.password"] = id, secret
	case ClientAuthPrivateKeyJWT:
		r.fields["client assertion"] = "yes"
	}
}

func basicOf(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// allRefs lists every variable that an entry uses.
func allRefs(e *Entry) []template.Ref {
	var out []template.Ref
	e.urls(func(_ string, u *template.URL) { out = append(out, u.Refs()...) })
	e.texts(func(_ string, t *template.Text, _ bool) { out = append(out, t.Refs()...) })
	slices.SortFunc(out, func(a, b template.Ref) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(out)
}
