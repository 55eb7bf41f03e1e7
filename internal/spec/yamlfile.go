package spec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// maxFile is the size of the largest provider file that is read, in bytes. The
// largest known one has a tenth of it.
const maxFile = 8 << 20

// place is a position in a file.
type place struct {
	file      string
	line, col int
}

// rawEntry is an entry as it stands in a file.
type rawEntry struct {
	name  string
	at    place
	pairs []pair
	bad   bool // rejected before anything was made of it

	service string // the entry under whose methods it stands; empty for others
}

// pair is a key of an entry and its value.
type pair struct {
	key   string
	at    place
	value *yaml.Node
	from  string // the entry it was inherited from; empty for its own

	overlay  bool  // it is an overlay's, see [Overlay]
	original *pair // what an overlay replaced; nil when there was nothing
}

// fileReader reads one file.
type fileReader struct {
	file     string
	problems []Problem
	entries  []rawEntry
	index    map[string]int // into entries
}

func readFile(f File) ([]rawEntry, []Problem) {
	r := &fileReader{file: f.Name, index: map[string]int{}}
	if len(f.Data) > maxFile {
		r.report(Problem{Code: "too-large", Message: fmt.Sprintf("the file has %d bytes, more than %d", len(f.Data), maxFile)})
		return nil, r.problems
	}
	docs, err := parseYAML(f.Data)
	if err != nil {
		r.recover(f.Data, err)
	} else {
		r.documents(docs, 0)
	}
	return r.entries, r.problems
}

func (r *fileReader) report(p Problem) {
	p.File = r.file
	p.Severity = Rejected
	r.problems = append(r.problems, p)
}

// parseYAML reads all documents of a file. The parser is a third party's and
// has been known to panic on hostile input; that is a bad file like any other.
func parseYAML(data []byte) (docs []*yaml.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			docs, err = nil, fmt.Errorf("yaml: %v", p)
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var doc yaml.Node
		switch err := dec.Decode(&doc); {
		case errors.Is(err, io.EOF):
			return docs, nil
		case err != nil:
			return nil, err
		}
		docs = append(docs, &doc)
	}
}

// documents adds the entries of parsed documents whose first line is the
// offset-th line of the file, counted from 0.
func (r *fileReader) documents(docs []*yaml.Node, offset int) {
	for _, doc := range docs {
		if len(doc.Content) == 0 {
			continue
		}
		root := doc.Content[0]
		shiftLines(root, offset)
		if root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null" {
			continue
		}
		if root.Kind != yaml.MappingNode {
			r.report(Problem{Line: root.Line, Column: root.Column, Code: "not-a-mapping", Message: "a provider file maps names to entries"})
			continue
		}
		for i := 0; i+1 < len(root.Content); i += 2 {
			r.entry(root.Content[i], root.Content[i+1])
		}
	}
}

func shiftLines(n *yaml.Node, offset int) {
	if offset == 0 {
		return
	}
	n.Line += offset
	for _, c := range n.Content {
		shiftLines(c, offset)
	}
}

// validName is what an entry may be called. Names become part of URLs.
var validName = lazyRegexp(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

func (r *fileReader) entry(key, value *yaml.Node) {
	at := place{file: r.file, line: key.Line, col: key.Column}
	name := key.Value
	if key.Kind != yaml.ScalarNode || !validName().MatchString(name) {
		r.report(Problem{Line: at.line, Column: at.col, Code: "bad-name", Message: "an entry's name has letters, digits, dots, hyphens and underscores only, and begins with a letter or a digit"})
		return
	}
	if first, ok := r.index[name]; ok {
		r.entries[first].bad = true
		r.report(Problem{Line: at.line, Column: at.col, Entry: name, Code: "duplicate-entry",
			Message: fmt.Sprintf("there are two entries of this name, on lines %d and %d", r.entries[first].at.line, at.line)})
		return
	}
	e := rawEntry{name: name, at: at}
	if reason := nodeReason(key); reason != "" {
		e.bad = true
		r.report(Problem{Line: at.line, Column: at.col, Entry: name, Code: "yaml", Message: reason})
	}
	switch {
	case value.Kind != yaml.MappingNode:
		e.bad = true
		r.report(Problem{Line: value.Line, Column: value.Column, Entry: name, Code: "not-a-mapping", Message: "an entry is a mapping of keys to values"})
	case !r.wellFormed(name, "", value, 0):
		e.bad = true
	default:
		for i := 0; i+1 < len(value.Content); i += 2 {
			k := value.Content[i]
			e.pairs = append(e.pairs, pair{key: k.Value, at: place{r.file, k.Line, k.Column}, value: value.Content[i+1]})
		}
	}
	r.index[name] = len(r.entries)
	r.entries = append(r.entries, e)
	if !e.bad {
		r.methods(len(r.entries) - 1)
	}
}

// wellFormed reports every use of YAML that the format has no place for:
// anchors and aliases (which could also make a small file a huge one), merge
// keys, tags, keys given twice, values nested beyond reason.
func (r *fileReader) wellFormed(entry, path string, n *yaml.Node, depth int) bool {
	bad := func(at *yaml.Node, key, code, message string) bool {
		r.report(Problem{Line: at.Line, Column: at.Column, Entry: entry, Key: key, Code: code, Message: message})
		return false
	}
	if depth > maxDepth {
		return bad(n, path, "yaml", fmt.Sprintf("values are nested more than %d deep", maxDepth))
	}
	if reason := nodeReason(n); reason != "" {
		return bad(n, path, "yaml", reason)
	}
	ok := true
	switch n.Kind {
	case yaml.SequenceNode:
		for i, c := range n.Content {
			ok = r.wellFormed(entry, fmt.Sprintf("%s[%d]", path, i), c, depth+1) && ok
		}
	case yaml.MappingNode:
		lines := make(map[string]int, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			k, v := n.Content[i], n.Content[i+1]
			key := joinPath(path, k.Value)
			reason := nodeReason(k)
			if k.Kind != yaml.ScalarNode {
				reason = "a key is plain text"
			}
			if reason != "" {
				ok = bad(k, path, "yaml", reason)
				continue
			}
			if line, twice := lines[k.Value]; twice {
				ok = bad(k, key, "duplicate-key", fmt.Sprintf("the key is there twice, on lines %d and %d", line, k.Line))
				continue
			}
			lines[k.Value] = k.Line
			ok = r.wellFormed(entry, key, v, depth+1) && ok
		}
	}
	return ok
}

func nodeReason(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return "YAML anchors and aliases are not part of the format"
	case n.ShortTag() == "!!merge":
		return "YAML merge keys are not part of the format"
	case n.Style&yaml.TaggedStyle != 0 && n.ShortTag() != "!!str":
		return "YAML tags are not part of the format"
	}
	return ""
}

func joinPath(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// recover reads what can be read of a file with a syntax error: entries begin
// at the start of a line, so each can be parsed by itself, and an error costs
// one entry rather than the file.
func (r *fileReader) recover(data []byte, whole error) {
	chunks := splitEntries(data)
	if len(chunks) < 2 {
		r.syntaxError("", data, 0, whole)
		return
	}
	failed := false
	for _, c := range chunks {
		docs, err := parseYAML(c.text)
		if err != nil {
			failed = true
			r.syntaxError(c.name, c.text, c.line, err)
			continue
		}
		r.documents(docs, c.line)
	}
	if !failed {
		// Each part is well-formed, the whole is not, and it must be said.
		r.syntaxError("", data, 0, whole)
	}
}

// chunk is the text of one entry.
type chunk struct {
	name string
	line int // of its first line, from 0
	text []byte
}

var entryLine = lazyRegexp(`^["']?([A-Za-z0-9][^\s"':]*)["']?\s*:`)

func splitEntries(data []byte) []chunk {
	var out []chunk
	line := 0
	for text := range bytes.Lines(data) {
		if m := entryLine().FindSubmatch(text); m != nil {
			out = append(out, chunk{name: string(m[1]), line: line})
		}
		if n := len(out); n > 0 && !bytes.HasPrefix(text, []byte("---")) && !bytes.HasPrefix(text, []byte("...")) {
			out[n-1].text = append(out[n-1].text, text...)
		} else if n > 0 {
			out[n-1].text = append(out[n-1].text, '\n')
		}
		line++
	}
	return out
}

var yamlErrorLine = lazyRegexp(`^yaml: (?:line (\d+): )?(.*)`)

// fromParser matches the messages of the parser proper, which count lines from 0;
// those of the scanner count from 1.
var fromParser = lazyRegexp(`^did not find expected (<document start>|node content|key|'-' indicator|',' or)|^found (undefined tag|duplicate|incompatible)`)

// syntaxError reports a parse error of text, which begins on the offset-th line
// of the file.
func (r *fileReader) syntaxError(entry string, text []byte, offset int, err error) {
	p := Problem{Entry: entry, Code: "syntax", Line: offset + 1, Column: 1}
	m := yamlErrorLine().FindStringSubmatch(strings.ReplaceAll(err.Error(), "\n", " "))
	p.Message = "not YAML: " + err.Error()
	if m != nil {
		p.Message = "not YAML: " + m[2]
		if n, err := strconv.Atoi(m[1]); err == nil {
			p.Line = offset + n
			if fromParser().MatchString(m[2]) {
				p.Line++
			}
		} else if at := firstBadByte(text); at >= 0 {
			// The parser does not say where bytes stand that no YAML contains.
			p.Line = offset + 1 + bytes.Count(text[:at], []byte("\n"))
		}
	}
	// The end of the text can count as a line of its own.
	if last := offset + 1 + bytes.Count(bytes.TrimRight(text, "\n"), []byte("\n")); p.Line > last {
		p.Line = last
	}
	r.report(p)
}

// firstBadByte returns the offset of the first byte that is not UTF-8 or is a
// control character, or -1.
func firstBadByte(text []byte) int {
	for i := 0; i < len(text); {
		c, size := utf8.DecodeRune(text[i:])
		if c == utf8.RuneError && size == 1 || c < ' ' && c != '\n' && c != '\t' && c != '\r' || c >= 0x7f && c < 0xa0 && c != 0x85 {
			return i
		}
		i += size
	}
	return -1
}
