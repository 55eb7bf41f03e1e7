package spec

import "testing"

func BenchmarkLoad(b *testing.B) {
	data := nangoFile(b)
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if set, _ := Load(File{Name: "providers.yaml", Data: data}); len(set.Names()) == 0 {
			b.Fatal("nothing was loaded")
		}
	}
}

// BenchmarkDecodeEntry is what the first use of a provider costs.
func BenchmarkDecodeEntry(b *testing.B) {
	set, _ := Load(File{Name: "providers.yaml", Data: nangoFile(b)})
	for _, name := range []string{"github", "zendesk", "google-calendar", "salesforce", "aws-sigv4", "sage-intacct", "1password-scim"} {
		e, ok := set.Lookup(name)
		if !ok {
			b.Fatalf("no entry %s", name)
		}
		encoded, err := EncodeEntry(e)
		if err != nil {
			b.Fatal(err)
		}
		data := string(encoded)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := DecodeEntry(name, data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
