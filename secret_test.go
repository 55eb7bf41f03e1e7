package tieline

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	htmltemplate "html/template"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"text/template"

	"gopkg.in/yaml.v3"
)

const canary = "canary-7f3a"

// hidden has a Secret where fmt cannot call its methods.
type hidden struct{ token Secret }

func TestSecretPrintsNothing(t *testing.T) {
	t.Parallel()
	s := NewSecret(canary)
	values := map[string]any{
		"Secret": s, "pointer": &s, "slice": []Secret{s}, "map": map[string]Secret{"k": s}, "hidden": hidden{s}, "hidden pointer": &hidden{s},
		"OAuth2Token": &OAuth2Token{AccessToken: s, RefreshToken: s, ClientSecret: s, Raw: s}, "APIKey": &APIKey{Key: s}, "APIKey value": APIKey{Key: s},
		"Basic": &Basic{Username: s, Password: s}, "ClientCredentials": &ClientCredentials{ClientSecret: s, Token: s, Certificate: s, PrivateKey: s, Raw: s},
		"OAuthApp": &OAuthApp{ClientSecret: s, WebhookSecret: s}, "GitHubApp": &GitHubApp{PrivateKey: s},
		"Integration":     Integration{App: &OAuthApp{ClientSecret: s}},
		"input":           ConnectionInput{Credential: &APIKey{Key: s}},
		"options":         AuthorizeOptions{ClientSecret: s},
		"TokenError":      &TokenError{Description: s},
		"refused":         &AuthorizationError{Description: s},
		"Authorization":   &Authorization{Binding: s},
		"wrapped failure": fmt.Errorf("x: %w", &RefreshError{Err: &TokenError{Description: s}}),
	}
	for name, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%T", "%10.3s"} {
			check(t, name+" "+verb, fmt.Sprintf(verb, v))
		}
		check(t, name+" Print", fmt.Sprint(v)+fmt.Sprintln(v))
		var b bytes.Buffer
		for _, h := range []slog.Handler{slog.NewTextHandler(&b, nil), slog.NewJSONHandler(&b, nil)} {
			slog.New(h).With("a", v).WithGroup("g").Info("m", "v", v, slog.Any("w", v))
		}
		check(t, name+" slog", b.String())
		if j, err := json.Marshal(v); err == nil {
			check(t, name+" JSON", string(j))
		}
		if x, err := xml.Marshal(v); err == nil {
			check(t, name+" XML", string(x))
		}
		if y, err := yaml.Marshal(v); err == nil {
			check(t, name+" YAML", string(y))
		}
		b.Reset()
		if err := gob.NewEncoder(&b).Encode(v); err == nil {
			check(t, name+" gob", b.String())
		}
		b.Reset()
		_ = template.Must(template.New("").Parse(`{{.}} {{printf "%v %s" . .}} {{js .}} {{html .}}`)).Execute(&b, v)
		_ = htmltemplate.Must(htmltemplate.New("").Parse(`<a href="{{.}}">{{.}}</a><script>{{.}}</script>`)).Execute(&b, v)
		check(t, name+" template", b.String())
	}
	if err := gob.NewEncoder(&bytes.Buffer{}).Encode(struct{ S Secret }{s}); err == nil {
		t.Error("gob encoded a Secret")
	}
	if got := fmt.Sprintf("%v %s %d", s, s, s); got != "[secret] [secret] [secret]" {
		t.Errorf("printed as %q", got)
	}
}

func check(t *testing.T, sink, text string) {
	t.Helper()
	hex := fmt.Sprintf("%x", canary)
	if strings.Contains(text, canary) || strings.Contains(strings.ToLower(text), hex) || strings.Contains(text, canary[:6]) {
		t.Errorf("%s shows the secret: %s", sink, text)
	}
}

func TestSecretValue(t *testing.T) {
	t.Parallel()
	var zero Secret
	s := NewSecret("x")
	if zero.Reveal() != "" || !zero.IsZero() || !NewSecret("").IsZero() || s.IsZero() || s.Reveal() != "x" {
		t.Error("content")
	}
	if !s.Equal(NewSecret("x")) || s.Equal(NewSecret("y")) || s.Equal(zero) || !zero.Equal(NewSecret("")) {
		t.Error("equality")
	}
	into := reflect.New(reflect.TypeFor[Secret]()).Interface()
	if err := json.Unmarshal([]byte(`"[secret]"`), into); err == nil {
		t.Error("a printed Secret was read back as if it were one")
	}
}

func TestKeyringPrintsNoKey(t *testing.T) {
	t.Parallel()
	key := GenerateKey()
	k, err := ParseKeyring(key)
	if err != nil {
		t.Fatal(err)
	}
	j, _ := json.Marshal(k)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		j = append(j, fmt.Sprintf(verb, k)...)
		j = append(j, fmt.Sprintf(verb, Config{Keys: k})...)
	}
	raw := k.IDs()[0]
	if !strings.Contains(string(j), raw) || strings.Contains(string(j), key[:20]) {
		t.Errorf("printed as %s", j)
	}
}

func TestParseKeyring(t *testing.T) {
	t.Parallel()
	a, b := GenerateKey(), GenerateKey()
	k, err := ParseKeyring(" " + a + " , " + b)
	if err != nil || len(k.IDs()) != 2 {
		t.Fatalf("%v, %v", k, err)
	}
	only, err := ParseKeyring(b)
	if err != nil || only.IDs()[0] != k.IDs()[1] {
		t.Errorf("a key's ID depends on its place: %v %v", only, k)
	}
	for name, text := range map[string]string{
		"empty": "", "spaces": "  ", "not base64": "!!!", "too short": "AAAA", "an empty second": a + ",", "twice the same": a + "," + a,
		"zeros": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "too long": a[:43] + "AAAA",
	} {
		_, err := ParseKeyring(text)
		if err == nil || len(text) > 20 && strings.Contains(err.Error(), text[:20]) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
