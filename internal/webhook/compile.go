package webhook

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Problem is something wrong with a scheme.
type Problem struct {
	Key     string // dotted, such as "verify.0.header"
	Message string
}

// String returns "key: message".
func (p Problem) String() string { return p.Key + ": " + p.Message }

// Compile checks a scheme and makes a Verifier of it. The name is for messages. It reports
// every mistake; with one there is no Verifier.
func Compile(name string, s Scheme) (*Verifier, []Problem) {
	c := &compiler{}
	s = s.clone() // what the caller does with it afterwards is no business of the Verifier
	v := &Verifier{name: name, scheme: s}
	if u, err := url.Parse(s.Source); s.Source != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
		c.report("source", "this is not an https URL")
	}
	if len(s.Verify) == 0 {
		c.report("verify", `nothing says how deliveries are verified; where nothing is signed, say kind: none`)
	}
	for i, raw := range s.Verify {
		key := fmt.Sprintf("verify.%d", i)
		if raw.Kind == KindNone && len(s.Verify) > 1 {
			c.report(key+".kind", "none stands alone")
		}
		v.methods = append(v.methods, c.methods(key, raw)...)
	}
	for i, raw := range s.Challenges {
		v.challenges = append(v.challenges, c.challenge(fmt.Sprintf("challenges.%d", i), raw))
	}
	for i, rule := range s.Connection {
		c.rule(fmt.Sprintf("connection.%d", i), rule)
	}
	for key, places := range map[string][]Place{"connection_id": s.ConnectionID, "delivery_id": s.DeliveryID, "event_type": s.EventType} {
		for i, p := range places {
			c.place(fmt.Sprintf("%s.%d", key, i), p)
		}
	}
	if len(c.problems) > 0 {
		slices.SortStableFunc(c.problems, func(a, b Problem) int { return cmp.Compare(a.Key, b.Key) })
		return nil, c.problems
	}
	return v, nil
}

type compiler struct{ problems []Problem }

func (c *compiler) report(key, message string) {
	c.problems = append(c.problems, Problem{Key: key, Message: message})
}

// choice checks a word against those that there are.
func (c *compiler) choice(key, word string, words ...string) {
	if !slices.Contains(words, word) {
		c.report(key, "it is one of "+strings.Join(words, ", "))
	}
}

// exactly reports whether one of the values is set, and reports it when not.
func (c *compiler) exactly(key, names string, values ...string) {
	set := 0
	for _, v := range values {
		if v != "" {
			set++
		}
	}
	if set != 1 {
		c.report(key, "exactly one of "+names+" is needed")
	}
}

func (c *compiler) header(key, name string) {
	if name != "" && !validHeader(name) {
		c.report(key, "this is not the name of a header")
	}
}

func (c *compiler) place(key string, p Place) {
	c.exactly(key, "body, header, query and form", p.Body, p.Header, p.Query, p.Form)
	c.header(key+".header", p.Header)
	switch {
	case p.Decode == "" && p.Then != "":
		c.report(key+".then", "nothing is decoded")
	case p.Decode != "":
		c.choice(key+".decode", p.Decode, "json", "base64_json")
		if p.Then == "" {
			c.report(key+".then", "nothing says where the value is in what is decoded")
		}
	}
}

func (c *compiler) rule(key string, r Rule) {
	c.place(key, r.Place)
	c.exactly(key, "config, metadata and tag", r.Config, r.Metadata, r.Tag)
	if r.Transform != "" {
		c.choice(key+".transform", r.Transform, "sha256", "origin")
	}
}

func (c *compiler) uses(key string, names []string) []Use {
	if len(names) == 0 {
		return []Use{UseWebhook, UseConnection}
	}
	var uses []Use
	for i, name := range names {
		c.choice(fmt.Sprintf("%s.%d", key, i), name, string(UseWebhook), string(UseConnection), string(UseClient))
		uses = append(uses, Use(name))
	}
	return uses
}

func (c *compiler) challenge(key string, raw Challenge) *challenge {
	if raw.Name == "" {
		c.report(key+".name", "it needs a name")
	}
	c.choice(key+".stage", raw.Stage, Before, After)
	if len(raw.Match) == 0 {
		c.report(key+".match", "nothing tells it from a delivery")
	}
	for i, want := range raw.Match {
		c.place(fmt.Sprintf("%s.match.%d", key, i), want.Place)
	}
	if raw.Token != nil {
		c.place(key+".token", *raw.Token)
	}
	if raw.Value != nil {
		c.place(key+".value", *raw.Value)
	}
	c.header(key+".header", raw.Header)
	text := ""
	if raw.Text {
		text = "text"
	}
	answers := 0
	for _, form := range []string{text, raw.JSON, raw.Header, raw.Static} {
		if form != "" {
			answers++
		}
	}
	if answers > 1 {
		c.report(key, "one of text, json, header and static, or none")
	}
	repeats := raw.Text || raw.JSON != "" || raw.Header != "" || raw.Offer
	if repeats && raw.Value == nil {
		c.report(key+".value", "nothing says what the answer repeats")
	}
	if raw.MAC != "" && (raw.JSON == "" || raw.Stage != After) {
		c.report(key+".mac", "only a JSON answer has room for it, and only a verified delivery may ask for one")
	}
	return &challenge{Challenge: raw, method: &method{uses: c.uses(key+".secrets", raw.Secrets)}}
}
