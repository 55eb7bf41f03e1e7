package ids

import (
	"bytes"
	"testing"
)

// Rows that are stored have these names.
func TestEncode(t *testing.T) {
	t.Parallel()
	if got := Encode([]byte("0123456789abcdef")); got != "gaytemzugu3doobzmfrggzdfmy" {
		t.Errorf("encoded %q", got)
	}
	if b, err := Decode(Encode([]byte{0, 1, 255})); err != nil || !bytes.Equal(b, []byte{0, 1, 255}) {
		t.Errorf("decoded %v, %v", b, err)
	}
}

func TestDigest(t *testing.T) {
	t.Parallel()
	if got := Encode(Digest("a", "bc")); got != "5iomm4vrpjojtuttka5ctclf5443gyln7rdpwracfed4it2ogt5a" {
		t.Errorf("the digest is %q", got)
	}
	if bytes.Equal(Digest("a", "bc"), Digest("ab", "c")) || bytes.Equal(Digest(), Digest("")) {
		t.Error("two lists of parts are one")
	}
}
