package providertest

import (
	"regexp"
	"slices"
	"strings"
)

// position is where in a URL a field ends up; the first that holds says what it must be.
type position int

const (
	elsewhere position = iota
	inURLPath
	inHost    // a part of a host name
	wholeHost // behind https://, up to the path
	wholeURL  // the URL begins with it
)

// positions finds where the entry puts each variable.
func (d *Dialect) positions() map[string]position {
	out := map[string]position{}
	templates(d.entry, func(path []string, s string) {
		for _, a := range alternatives(s) {
			p, err := parsePattern(a)
			if err != nil || !isURL(path, a) {
				continue
			}
			before := ""
			for i, x := range p {
				if x.name != "" && x.args == nil {
					out[x.name] = max(out[x.name], place(before, p[i+1:]))
				}
				before += x.text
				if x.name != "" {
					before += "x"
				}
			}
		}
	})
	return out
}

// isURL tells whether a template is for a URL: by its key, or by its scheme.
func isURL(path []string, s string) bool {
	for _, k := range path {
		switch k {
		case "authorization_url", "token_url", "refresh_url", "base_url", "base_url_override", "endpoints", "registration_url", "request_url":
			return true
		}
	}
	return strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://")
}

func place(before string, after pattern) position {
	next := ""
	if len(after) > 0 {
		next = after[0].text + after[0].name
	}
	ends := next == "" || strings.HasPrefix(next, "/") || strings.HasPrefix(next, ":") || strings.HasPrefix(next, "?")
	_, host, absolute := strings.Cut(before, "://")
	switch {
	case before == "" && ends:
		return wholeURL
	case before == "":
		return elsewhere
	case strings.Contains(before, "?"):
		return elsewhere
	case !absolute || strings.Contains(host, "/"):
		return inURLPath
	case host == "" && ends:
		return wholeHost
	}
	return inHost
}

// value invents a field's value: the first candidate that the field's own
// description accepts.
func (d *Dialect) value(section, name string, where map[string]position, m material) string {
	spec := mapOf(dig(d.entry, section, name))
	full := map[string]string{"connection_config": "connectionConfig.", "credentials": "credentials.", "integration_config": "integrationConfig."}[section] + name
	pos := where[full]
	if section == "credentials" {
		pos = max(pos, where[name])
	}
	if section == "credentials" && spec["hidden"] == true && spec["default_value"] != nil {
		return textOf(spec["default_value"])
	}
	candidates := d.candidates(section, name, spec, pos, m)
	for _, c := range candidates {
		if acceptable(spec, c) {
			return c
		}
	}
	d.doubt("%s.%s: no invented value satisfies its own description", section, name)
	return candidates[len(candidates)-1]
}

func (d *Dialect) candidates(section, name string, spec map[string]any, pos position, m material) []string {
	r := seeded(d.name + "/" + section + "/" + name)
	expr, example := textOf(spec["pattern"]), textOf(spec["example"])
	plain := example != "" && !strings.ContainsAny(example, "*•")
	var list []string
	add := func(v ...string) { list = append(list, v...) }
	if v := textOf(spec["default_value"]); v != "" {
		add(v)
	}
	add(textsOf(spec["enum"])...)
	if plain && (section == "integration_config" || d.mode == "AWS_SIGV4") {
		add(example)
	}
	add(d.keyFor(section, name, expr, m)...)
	host := slug(d.name) + ".example.com"
	switch format := textOf(spec["format"]); {
	case format == "uuid":
		add(uuidFrom(r))
	case format == "email":
		add("user+" + slug(name) + "@example.com")
	case (format == "uri" || pos == wholeURL) && format != "hostname":
		add("https://" + slug(name) + "-" + host)
	case format == "hostname" && pos != inHost, pos == wholeHost:
		add(host)
	}
	if plain && (expr != "" || pos == inHost && hostForm.MatchString(example)) {
		add(example)
	}
	if expr != "" {
		if v, ok := matching(expr, r); ok {
			add(v)
		}
		add(example)
	}
	if section == "credentials" && pos == elsewhere {
		// Letters that a form, a query and XML must escape.
		add(slug(name) + "-" + randomText(r, 16, alphanumeric) + "+/=&%<~")
	}
	if section == "credentials" && pos == inURLPath {
		add(slug(name) + randomText(r, 16, alphanumeric))
	}
	if section == "integration_config" && textOf(spec["format"]) == "uri" {
		add("https://" + host)
	}
	add("acme"+strings.ReplaceAll(slug(name), "-", ""), "acme")
	return list
}

// keyFor is key material for fields that hold a key: as the pattern and the use
// in signatures say.
func (d *Dialect) keyFor(section, name, expr string, m material) []string {
	lower := strings.ToLower(name)
	if strings.Contains(expr, "BEGIN CERTIFICATE") || lower == "client_certificate" {
		return []string{m.cert}
	}
	key := m.rsa
	switch {
	case lower == "client_private_key" && textOf(d.entry["token_request_auth_method"]) == "private_key_jwt":
		return []string{m.jwk}
	case d.signsWith(section, name, "ed25519Sign("):
		key = m.ed
	case textOf(dig(d.entry, "token", "header", "alg")) == "ES256", textOf(dig(d.entry, "assertion", "header", "alg")) == "ES256":
		key = m.ec
	}
	names := []string{"privatekey", "private_key", "client_private_key"}
	if !strings.Contains(expr, "PRIVATE KEY") && !slices.Contains(names, lower) && key != m.ed {
		return nil
	}
	return []string{key, strings.ReplaceAll(key, "\n", `\n`)}
}

// signsWith tells whether a template gives the field to a function as its key.
func (d *Dialect) signsWith(section, name, call string) bool {
	found := false
	templates(d.entry, func(_ []string, s string) {
		found = found || section == "credentials" && strings.Contains(s, call) && strings.HasSuffix(s, "${credentials."+name+"})}:")
	})
	return found
}

// withoutLookAhead takes the look-aheads out of an expression, which RE2 has not.
func withoutLookAhead(expr string) string {
	for {
		start := max(strings.Index(expr, "(?!"), strings.Index(expr, "(?="))
		if start < 0 {
			return expr
		}
		depth, end := 0, len(expr)
		for i := start; i < len(expr); i++ {
			if expr[i] == '\\' {
				i++
				continue
			}
			if expr[i] == '(' {
				depth++
			}
			if expr[i] == ')' {
				if depth--; depth == 0 {
					end = i + 1
					break
				}
			}
		}
		expr = expr[:start] + expr[end:]
	}
}

// acceptable tells whether a field's own description allows v. What RE2 cannot
// compile is tried without its look-aheads, or not at all.
func acceptable(spec map[string]any, v string) bool {
	if enum := textsOf(spec["enum"]); len(enum) > 0 && !slices.Contains(enum, v) {
		return false
	}
	if !fits(textOf(spec["format"]), v) {
		return false
	}
	expr := textOf(spec["pattern"])
	if expr == "" {
		return true
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		re, err = regexp.Compile(withoutLookAhead(expr))
	}
	if err != nil {
		return v != ""
	}
	return re.MatchString(v)
}
