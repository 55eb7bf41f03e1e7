package spec

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/tieline/tieline/internal/webhook"
)

// The documentation names every key and every kind of problem.
func TestDocumentationIsComplete(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../docs/provider-format.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for _, code := range Codes() {
		if !strings.Contains(text, "`"+code+"`") {
			t.Errorf("docs/provider-format.md does not have the problem %s", code)
		}
	}
	for _, structType := range []reflect.Type{
		reflect.TypeFor[Provider](), reflect.TypeFor[Field](), reflect.TypeFor[Proxy](), reflect.TypeFor[ProxyVerify](), reflect.TypeFor[Retry](), reflect.TypeFor[Paginate](),
		reflect.TypeFor[Signature](), reflect.TypeFor[Token](), reflect.TypeFor[TokenResponse](), reflect.TypeFor[Step](), reflect.TypeFor[Assertion](),
		reflect.TypeFor[RawRefresh](), reflect.TypeFor[RawRevocation](), reflect.TypeFor[RawIntrospection](), reflect.TypeFor[ErrorRule](),
		reflect.TypeFor[RawSuccess](), reflect.TypeFor[RawTokenSignature](), reflect.TypeFor[RawThen](), reflect.TypeFor[RawDiscovery](), reflect.TypeFor[RawSelect](), reflect.TypeFor[RawUninstall](),
		reflect.TypeFor[RawVerify](), reflect.TypeFor[RawExpect](), reflect.TypeFor[RawAdditionalToken](), reflect.TypeFor[RawTokenRefresh](),
		reflect.TypeFor[webhook.Scheme](), reflect.TypeFor[webhook.Method](), reflect.TypeFor[webhook.When](), reflect.TypeFor[webhook.Timestamp](), reflect.TypeFor[webhook.SigningKey](),
		reflect.TypeFor[webhook.JWT](), reflect.TypeFor[webhook.Place](), reflect.TypeFor[webhook.Rule](), reflect.TypeFor[webhook.Challenge](), reflect.TypeFor[webhook.Condition](),
	} {
		if len(keysOf(structType)) == 0 {
			t.Errorf("%s has no keys", structType.Name())
		}
		for key := range keysOf(structType) {
			if !strings.Contains(text, "`"+key+"`") {
				t.Errorf("docs/provider-format.md does not have the key %s of %s", key, structType.Name())
			}
		}
	}
	for _, mode := range AuthModes() {
		if !strings.Contains(text, "`"+string(mode)+"`") {
			t.Errorf("docs/provider-format.md does not have the mode %s", mode)
		}
	}
	for _, name := range []string{"base64", "sha256Hex", "sha256Base64", "hmacSha1Hex", "ed25519Sign", "fingerprint", "awsSigV4"} {
		if !strings.Contains(text, "${"+name+"(") {
			t.Errorf("docs/provider-format.md does not have the function %s", name)
		}
	}
}
