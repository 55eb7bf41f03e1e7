package tieline

import (
	"bytes"
	"errors"
	"testing"

	"github.com/tieline/tieline/internal/seal"
)

func TestKeyringSeals(t *testing.T) {
	t.Parallel()
	k := testKeys(t, 1)
	what := SealedFor{Purpose: "export", ID: "a", Generation: 3}
	sealed, err := k.Seal([]byte("canary"), what)
	if err != nil || bytes.Contains(sealed, []byte("canary")) {
		t.Fatalf("Seal = %q, %v", sealed, err)
	}
	if plain, err := testKeys(t, 2, 1).Open(sealed, what); err != nil || string(plain) != "canary" {
		t.Errorf("Open = %q, %v", plain, err)
	}
	for _, other := range []SealedFor{{"export", "a", 4}, {"export", "b", 3}, {"import", "a", 3}, {}} {
		if _, err := k.Open(sealed, other); !errors.Is(err, ErrDamaged) {
			t.Errorf("as %+v: %v", other, err)
		}
	}
	if _, err := testKeys(t, 2).Open(sealed, what); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("without the key: %v", err)
	}
	var none *Keyring
	_, serr := none.Seal(nil, what)
	_, oerr := (&Keyring{}).Open(sealed, what)
	if !errors.Is(serr, ErrInvalid) || !errors.Is(oerr, ErrInvalid) {
		t.Errorf("without any key: %v, %v", serr, oerr)
	}
}

// What an application seals never opens as something of this package's.
func TestKeyringSealsApart(t *testing.T) {
	t.Parallel()
	k := testKeys(t, 1)
	sealed, err := k.Seal([]byte("x"), SealedFor{Purpose: purposeCredential, ID: "row", Generation: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.ring.Open(nil, sealed, seal.Binding{Purpose: purposeCredential, RowID: "row", Generation: 1}); !errors.Is(err, seal.ErrDamaged) {
		t.Errorf("it opens as a credential: %v", err)
	}
}
