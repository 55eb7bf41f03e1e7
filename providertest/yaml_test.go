package providertest

import (
	"os"
	"strings"
	"testing"
	"time"
)

// testdata/providers.yaml is what the zero Options make, for a person to read.
func TestProvidersYAML(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile("testdata/providers.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if got := NewInProcess(Options{}).ProvidersYAML(); string(got) != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestProvidersYAMLFollowsOptions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		o          Options
		has, lacks []string
	}{
		{"issuer", Options{SendIssuer: true}, []string{"\n  issuer: \"http://provider.test\"\n  issuer_required: true\n"}, nil},
		{"no PKCE", Options{PKCE: PKCEForbidden}, []string{"\n  pkce: \"forbidden\"\n  disable_pkce: true\n"}, nil},
		{"client auth", Options{ClientAuth: ClientAuthBasicRaw}, []string{"\n  client_auth: \"basic_raw\"\n"}, []string{`client_auth: "body"`}},
		{"public client", Options{ClientAuth: ClientAuthNone}, []string{"\n  client_auth: \"none\"\n"}, []string{"acme-cc:"}},
		{"grace", Options{Grace: 90500 * time.Millisecond, GraceAnswer: GraceNewPair, Reuse: ReuseReject, OldAccessToken: OldAccessTokenDies},
			[]string{"\n    grace_seconds: 90\n", `grace_answer: "new_pair"`, `reuse: "reject"`, `old_access_token: "dies"`}, nil},
		{"no rotation", Options{Rotation: RotationNone, Grace: time.Minute}, []string{`rotation: "none"`}, []string{"grace", "reuse"}},
		{"no refresh token", Options{NoRefreshToken: true}, []string{"\n  refresh:\n    grant: \"none\"\n  revocation:"}, []string{"rotation"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := string(NewInProcess(tt.o).ProvidersYAML())
			for _, part := range tt.has {
				if !strings.Contains(got, part) {
					t.Errorf("lacks %q:\n%s", part, got)
				}
			}
			for _, part := range tt.lacks {
				if strings.Contains(got, part) {
					t.Errorf("has %q:\n%s", part, got)
				}
			}
		})
	}
}
