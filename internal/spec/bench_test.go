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
	b.Run("mean of all", func(b *testing.B) {
		var names, lines []string
		for _, name := range set.Names() {
			e, _ := set.Lookup(name)
			data, err := EncodeEntry(e)
			if err != nil {
				b.Fatal(err)
			}
			names, lines = append(names, name), append(lines, string(data))
		}
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			if _, err := DecodeEntry(names[i], lines[i]); err != nil {
				b.Fatal(err)
			}
			i = (i + 1) % len(names)
		}
	})
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
