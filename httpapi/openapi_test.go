package httpapi

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// node is a part of the OpenAPI document.
type node = map[string]any

// operation is one method of one path.
type operation struct {
	method, path string
	node         node
}

func (o operation) String() string { return o.method + " " + o.path }

// spec reads the document as it is served.
func (w *world) spec() node {
	w.t.Helper()
	a := w.call("GET", "/openapi.json", nil, "Authorization", "")
	var doc node
	if err := json.Unmarshal(a.Body.Bytes(), &doc); err != nil || a.Code != 200 {
		w.t.Fatalf("answered with %d, %v", a.Code, err)
	}
	return doc
}

// operations are those of the document, in order.
func operations(doc node) []operation {
	var all []operation
	paths, _ := doc["paths"].(node)
	for _, path := range sortedKeys(paths) {
		methods, _ := paths[path].(node)
		for _, method := range sortedKeys(methods) {
			if o, ok := methods[method].(node); ok {
				all = append(all, operation{strings.ToUpper(method), path, o})
			}
		}
	}
	return all
}

// resolve follows references.
func resolve(doc node, v any) node {
	for {
		n, _ := v.(node)
		ref, ok := n["$ref"].(string)
		if !ok {
			return n
		}
		var at any = doc
		for name := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
			m, _ := at.(node)
			at = m[name]
		}
		v = at
	}
}

// everywhere calls f with every object below v, and where it is.
func everywhere(v any, at string, f func(n node, at string)) {
	switch v := v.(type) {
	case node:
		f(v, at)
		for name, child := range v {
			everywhere(child, at+"/"+name, f)
		}
	case []any:
		for n, child := range v {
			everywhere(child, fmt.Sprint(at, "/", n), f)
		}
	}
}

func TestOpenAPIIsWhole(t *testing.T) {
	t.Parallel()
	doc := newWorld(t).spec()
	used := map[string]bool{}
	everywhere(doc, "#", func(n node, at string) {
		ref, ok := n["$ref"].(string)
		if !ok {
			return
		}
		used[ref] = true
		if !strings.HasPrefix(ref, "#/components/") || resolve(doc, n) == nil {
			t.Errorf("%s: %s is not there", at, ref)
		}
	})
	for kind, v := range doc["components"].(node) {
		for name := range v.(node) {
			if kind != "securitySchemes" && !used["#/components/"+kind+"/"+name] {
				t.Errorf("nothing uses %s/%s", kind, name)
			}
		}
	}
	servers, _ := json.Marshal(doc["servers"])
	if doc["openapi"] != "3.1.0" || string(servers) != `[{"url":"`+testPublic+`"}]` {
		t.Errorf("openapi %v, servers %s", doc["openapi"], servers)
	}
	ids := map[any]bool{}
	for _, o := range operations(doc) {
		id := o.node["operationId"]
		if responses, _ := o.node["responses"].(node); id == nil || ids[id] || len(responses) == 0 || o.node["summary"] == nil {
			t.Errorf("%s: ID %v, %d responses", o, id, len(responses))
		}
		ids[id] = true
		var want, got []string
		for _, m := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(o.path, -1) {
			want = append(want, m[1])
		}
		for _, p := range parameters(doc, o) {
			if p["in"] == "path" {
				got = append(got, p["name"].(string))
			}
		}
		if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
			t.Errorf("%s: the path has %q, its parameters are %q", o, want, got)
		}
	}
}

// parameters are those of an operation and of its path.
func parameters(doc node, o operation) []node {
	path := doc["paths"].(node)[o.path].(node)
	var all []node
	for _, list := range []any{path["parameters"], o.node["parameters"]} {
		list, _ := list.([]any)
		for _, p := range list {
			all = append(all, resolve(doc, p))
		}
	}
	return all
}

// securityOf is how the document says who may use a route.
func securityOf(a access) string {
	return map[access]string{
		anyone: "", keyOnly: "secretKey", sessionOnly: "connectSession", keyOrSession: "secretKey connectSession",
		endUser: "connectSession connectSessionQuery pageCookie", pageSession: "pageCookie",
	}[a]
}

// ofThePage are routes that only the connect page calls.
func ofThePage(rt route) bool {
	return strings.HasPrefix(rt.pattern, "/connect/api/") || strings.HasPrefix(rt.pattern, "/connect/assets/") || rt.pattern == "/connect/{$}"
}

func (w *world) documented() []route {
	s := w.server.(*server)
	routes := slices.DeleteFunc(s.routes(), ofThePage)
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		rt := s.proxyRoute()
		rt.method, rt.pattern = method, "/proxy/{path}"
		routes = append(routes, rt)
	}
	return routes
}

// Every route is in the document, with who may use it, and everything in the
// document has a route.
func TestOpenAPIHasEveryRoute(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	described := map[string]operation{}
	doc := w.spec()
	for _, o := range operations(doc) {
		described[o.String()] = o
	}
	for _, rt := range w.documented() {
		o, ok := described[rt.method+" "+rt.pattern]
		if !ok {
			t.Errorf("%s %s is not in the document", rt.method, rt.pattern)
			continue
		}
		delete(described, o.String())
		if rt.pattern == "/connect" {
			continue // the page tells everybody why it has nothing to show
		}
		var schemes []string
		for _, s := range o.node["security"].([]any) {
			schemes = append(schemes, sortedKeys(s.(node))...)
		}
		if got := strings.Join(schemes, " "); got != securityOf(rt.access) {
			t.Errorf("%s: may be used with %q, want %q", o, got, securityOf(rt.access))
		}
		var scopes []string
		list, _ := o.node["x-scopes"].([]any)
		for _, s := range list {
			scopes = append(scopes, s.(string))
		}
		if !slices.Equal(scopes, rt.scopes) {
			t.Errorf("%s: needs one of %q, want %q", o, scopes, rt.scopes)
		}
		if _, ok := o.node["responses"].(node)["415"]; ok != rt.jsonOnly {
			t.Errorf("%s: 415 is answered: %v", o, rt.jsonOnly)
		}
	}
	for name := range described {
		t.Errorf("%s has no route", name)
	}
}

// What handlers read, by whatever method, is somewhere in the document.
func TestOpenAPIHasEveryName(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	doc := newWorld(t).spec()
	everywhere(doc, "#", func(n node, _ string) {
		properties, _ := n["properties"].(node)
		for name := range properties {
			known[name] = true
		}
		if name, ok := n["name"].(string); ok {
			known[name], known[strings.ToLower(name)] = true, true
		}
	})
	read := namesRead(t)
	if len(read) < 15 {
		t.Errorf("only %q are read", sortedKeys(read))
	}
	for name, at := range read {
		if !known[name] {
			t.Errorf("%s reads %q, which is not in the document", at, name)
		}
	}
}

// namesRead are the literals that the package's code reads members by.
func namesRead(t *testing.T) map[string]string {
	t.Helper()
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	reads := []string{"text", "optionalText", "optional", "boolean", "object", "record", "list", "get", "has"}
	names, set := map[string]string{}, token.NewFileSet()
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") || strings.HasPrefix(f.Name(), "page") {
			continue
		}
		file, err := parser.ParseFile(set, f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			literal, isLiteral := call.Args[0].(*ast.BasicLit)
			if ok && isLiteral && literal.Kind == token.STRING && slices.Contains(reads, method.Sel.Name) {
				name, _ := strconv.Unquote(literal.Value)
				names[name] = set.Position(call.Pos()).String()
			}
			return true
		})
	}
	// In paths the same thing has other names in messages.
	for _, name := range []string{"uniqueKey", "connectionId"} {
		delete(names, name)
	}
	return names
}
