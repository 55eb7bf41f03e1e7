package tieline

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tieline/tieline/internal/wire"
)

// Every field of every kind of credential survives being stored, and what is not
// secret by type is nothing that could be one.
func TestCredentialRoundTrip(t *testing.T) {
	t.Parallel()
	kinds := []Credential{
		&OAuth2Token{}, &ClientCredentials{}, &APIKey{}, &Basic{}, &None{}, &TwoStep{}, &JWT{}, &Signature{}, &Bill{},
		&OAuth1Token{}, &TBA{}, &AppToken{}, &CustomToken{}, &AWS{}, &Fields{},
	}
	for _, cred := range kinds {
		t.Run(reflect.TypeOf(cred).Elem().Name(), func(t *testing.T) {
			t.Parallel()
			n := 0
			fillFields(reflect.ValueOf(cred).Elem(), &n)
			got, err := decodeCredential(wire.NewTextReader(cred.seal(nil)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(cred, got, cmp.Comparer(Secret.Equal)); diff != "" {
				t.Errorf("stored and read (-want +got):\n%s", diff)
			}
			if !sameCredential(cred, got) {
				t.Error("it is not the same as itself")
			}
			fresh := reflect.New(reflect.TypeOf(cred).Elem()).Interface().(Credential)
			if _, none := cred.(*None); !none && sameCredential(cred, fresh) {
				t.Error("it is the same as an empty one")
			}
		})
	}
}

// fillFields gives every field a value of its own.
func fillFields(v reflect.Value, n *int) {
	for i := range v.NumField() {
		*n++
		text := string(rune('a' + *n))
		switch f := v.Field(i); f.Interface().(type) {
		case Secret:
			f.Set(reflect.ValueOf(NewSecret(text)))
		case map[string]ExtraToken:
			f.Set(reflect.ValueOf(map[string]ExtraToken{text: {NewSecret(text), NewSecret(text), time.Unix(int64(*n), 0).UTC()}}))
		case map[string]Secret:
			f.Set(reflect.ValueOf(map[string]Secret{text: NewSecret(text)}))
		case time.Time:
			f.Set(reflect.ValueOf(time.Unix(int64(*n), 0).UTC()))
		case []string:
			f.Set(reflect.ValueOf([]string{text}))
		case string, AuthMode:
			f.SetString(text)
		default:
			fillFields(f, n)
		}
	}
}

// Credentials that have no token are told apart by the rest.
func TestSameCredentialWithoutToken(t *testing.T) {
	t.Parallel()
	a, b := &AWS{AccessKeyID: "A", SecretAccessKey: NewSecret("s")}, &AWS{AccessKeyID: "B", SecretAccessKey: NewSecret("s")}
	if sameCredential(a, b) || !sameCredential(a, a) {
		t.Error("two keys without a session token are the same, or one is not the same as itself")
	}
}
