package webhook

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"os"
	"regexp"
	"strings"
	"testing"
)

// secretName are names of values whose comparison must not stop at the first difference.
var secretName = regexp.MustCompile(`(?i)^(sig|sign|signature|signatures|mac|sum|digest|secret|token|tokens|want|got|key|expected|c\.key|t\.signature)$`)

// TestComparisonsTakeConstantTime reads the package's own source: a secret, and what was
// made of one, is compared by crypto/hmac or crypto/subtle, never by ==, bytes.Equal or
// their like.
func TestComparisonsTakeConstantTime(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	constant := 0
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		set := gotoken.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		found, good := comparisons(file)
		constant += good
		for _, at := range found {
			t.Errorf("%s: a comparison that takes as long as the two agree", set.Position(at))
		}
	}
	if constant < 3 {
		t.Errorf("there are %d comparisons in constant time, want 3 and more", constant)
	}
}

// TestComparisonsAreFound tries the test above on code that it has to refuse.
func TestComparisonsAreFound(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]int{
		`bytes.Equal(a, b)`: 1, `signature == x`: 1, `x != c.key`: 1, `strings.EqualFold(a, token)`: 1, `slices.Equal(a, b)`: 1,
		`string(sum) == x`: 1, `hmac.Equal(sum, signature)`: 0, `len(key) == 0`: 0, `key == nil`: 0, `name == other`: 0, `strings.EqualFold(a, b)`: 0,
	} {
		file, err := parser.ParseFile(gotoken.NewFileSet(), "x.go", "package x\nvar _ = "+code, 0)
		if err != nil {
			t.Fatal(err)
		}
		if found, _ := comparisons(file); len(found) != want {
			t.Errorf("%s: found %d, want %d", code, len(found), want)
		}
	}
}

func comparisons(file *ast.File) (found []gotoken.Pos, constant int) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			if n.Op == gotoken.EQL || n.Op == gotoken.NEQ {
				x, y := text(n.X), text(n.Y)
				if x != "nil" && y != "nil" && (secretName.MatchString(x) || secretName.MatchString(y)) {
					found = append(found, n.Pos())
				}
			}
		case *ast.CallExpr:
			switch text(n.Fun) {
			case "hmac.Equal", "subtle.ConstantTimeCompare":
				constant++
			case "bytes.Equal", "bytes.Compare", "bytes.EqualFold", "slices.Equal", "reflect.DeepEqual":
				found = append(found, n.Pos())
			case "strings.EqualFold", "strings.Compare":
				for _, arg := range n.Args {
					if secretName.MatchString(text(arg)) {
						found = append(found, n.Pos())
					}
				}
			}
		}
		return true
	})
	return found, constant
}

// text is a name as it is written, also within a conversion.
func text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return text(e.X) + "." + e.Sel.Name
	case *ast.ParenExpr:
		return text(e.X)
	case *ast.CallExpr:
		if fn, ok := e.Fun.(*ast.Ident); ok && fn.Name == "string" && len(e.Args) == 1 {
			return text(e.Args[0])
		}
	}
	return ""
}
