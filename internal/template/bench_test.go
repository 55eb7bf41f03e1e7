package template

import "testing"

func benchEnv() *Env {
	return &Env{Lookup: func(r Ref) (string, bool) {
		switch r.Name {
		case "subdomain":
			return "acme", true
		case "region":
			return "eu", true
		}
		return "a-secret-of-a-usual-length-0123456789", true
	}}
}

func BenchmarkText(b *testing.B) {
	for _, src := range []string{"application/json", "${apiKey}", "Bearer ${apiKey}", "Basic ${base64(${credentials.username}:${credentials.password})}", "${connectionConfig.version} || 2026-01-01"} {
		text, err := Compile(src, Options{Fallback: true, Position: Header})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(src, func(b *testing.B) {
			env := benchEnv()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := text.Expand(env); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkURL(b *testing.B) {
	for _, src := range []string{"https://api.example.com/v1", "https://${connectionConfig.subdomain}.example.com/api/v2", "https://api.${connectionConfig.region}.example.com || https://api.example.com", "https://${connectionConfig.subdomain}.example.com/a/${connectionConfig.region}?k=${apiKey}"} {
		u, err := CompileURL(src, Options{Fallback: true})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(src, func(b *testing.B) {
			env := benchEnv()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := u.Expand(env); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := CompileURL("https://${connectionConfig.subdomain}.example.com/api/v2", Options{Fallback: true}); err != nil {
			b.Fatal(err)
		}
	}
}

// A header of the usual kind costs its result and nothing else.
func TestExpandAllocations(t *testing.T) {
	env := benchEnv()
	for src, most := range map[string]float64{"application/json": 0, "${apiKey}": 0, "Bearer ${apiKey}": 1} {
		text, err := Compile(src, Options{Fallback: true, Position: Header})
		if err != nil {
			t.Fatal(err)
		}
		if got := testing.AllocsPerRun(100, func() { _, _ = text.Expand(env) }); got > most {
			t.Errorf("Expand(%q) allocates %v times, want at most %v", src, got, most)
		}
	}
}
