package mcp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/tieline/tieline/functions"
)

// The names of what is added to a schema.
const (
	connectionName = "connection"
	inputName      = "input"
	outputName     = "output"
)

// member is one of a JSON object.
type member struct {
	name  string
	value json.RawMessage
}

// object is a JSON object whose members keep their order.
type object []member

var errNoObject = errors.New("it is not a JSON object")

func parseObject(data []byte) (object, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, errNoObject
	}
	var o object
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		m := member{name: name.(string)}
		if err := d.Decode(&m.value); err != nil {
			return nil, err
		}
		o = append(o, m)
	}
	_, err := d.Token()
	return o, err
}

func (o object) get(name string) json.RawMessage {
	for _, m := range o {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

// with has a member set, at its place or else at the end.
func (o object) with(name string, value json.RawMessage) object {
	for i, m := range o {
		if m.name == name {
			o = slices.Clone(o)
			o[i].value = value
			return o
		}
	}
	return append(o[:len(o):len(o)], member{name, value})
}

func (o object) json() json.RawMessage {
	var b bytes.Buffer
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(quote(m.name))
		b.WriteByte(':')
		b.Write(m.value)
	}
	return slices.Concat([]byte("{"), b.Bytes(), []byte("}"))
}

// quote is a string or strings as JSON.
func quote(v any) json.RawMessage {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings can be encoded
	}
	return data
}

// compact is JSON as text can be looked for in it.
func compact(data json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	if err := json.Compact(&b, data); err != nil {
		return data
	}
	return b.Bytes()
}

// flat reports whether the members of an input can be arguments beside another one.
func flat(schema json.RawMessage) bool {
	root, err := parseObject(schema)
	if err != nil || string(root.get("type")) != `"object"` || string(root.get("additionalProperties")) != "false" {
		return false
	}
	properties, err := parseObject(root.get("properties"))
	return err == nil && properties.get(connectionName) == nil && !bytes.Contains(schema, []byte(`"$ref":"#"`))
}

// wrap is the schema of an object whose one member has a schema. References in this
// one begin at its root, which is no longer that of the document.
func wrap(schema json.RawMessage, name string) object {
	inner, _ := parseObject(schema)
	inner = slices.DeleteFunc(inner, func(m member) bool { return m.name == "$schema" })
	moved := bytes.ReplaceAll(inner.json(), []byte(`"$ref":"#`), []byte(`"$ref":"#/properties/`+name))
	return object{
		{"type", quote("object")},
		{"properties", object{{name, moved}}.json()},
		{"required", quote([]string{name})},
		{"additionalProperties", json.RawMessage("false")},
	}
}

// listed is the tool as a client sees it.
func (t *tool) listed(annotations *sdk.ToolAnnotations) *sdk.Tool {
	return &sdk.Tool{
		Name: t.name, Description: t.info.Description, Annotations: annotations,
		InputSchema: t.inputSchema(), OutputSchema: t.outputSchema(),
	}
}

func (t *tool) inputSchema() json.RawMessage {
	schema := compact(t.info.Input)
	root, _ := parseObject(schema)
	if t.wrapsInput() {
		root = wrap(schema, inputName)
	}
	if len(t.choices) < 2 {
		return root.json()
	}
	properties, _ := parseObject(root.get("properties"))
	properties = slices.Insert(properties, 0, member{connectionName, t.choice()})
	var required []string
	if list := root.get("required"); list != nil {
		_ = json.Unmarshal(list, &required) // it is one of names
	}
	required = slices.Insert(required, 0, connectionName)
	return root.with("properties", properties.json()).with("required", quote(required)).json()
}

// wrapsInput reports whether the input is one argument.
func (t *tool) wrapsInput() bool { return !flat(compact(t.info.Input)) }

// choice is the schema of the argument that chooses a connection.
func (t *tool) choice() json.RawMessage {
	text := "Which connection to use."
	for _, conn := range t.choices {
		if conn.Label != "" {
			text += fmt.Sprintf("\n%s: %s", choiceName(conn.Target), conn.Label)
		}
	}
	return object{{"type", quote("string")}, {"description", quote(text)}, {"enum", quote(t.choiceNames())}}.json()
}

// choiceName is a connection's in an argument. Keys of integrations have no slash.
func choiceName(to functions.Target) string { return to.Integration + "/" + to.Connection }

func (t *tool) choiceNames() []string {
	var names []string
	for _, conn := range t.choices {
		names = append(names, choiceName(conn.Target))
	}
	return names
}

func (t *tool) outputSchema() json.RawMessage {
	schema := compact(t.info.Output)
	if t.wrapsOutput() {
		return wrap(schema, outputName).json()
	}
	return schema
}

// wrapsOutput reports whether the output may be something else than an object.
func (t *tool) wrapsOutput() bool {
	root, err := parseObject(t.info.Output)
	return err != nil || string(root.get("type")) != `"object"`
}

// arguments takes the arguments of a call apart. The errors are faults that a model can
// correct.
func (t *tool) arguments(args json.RawMessage) (to functions.Target, input json.RawMessage, err error) {
	if len(args) == 0 || string(args) == "null" {
		args = json.RawMessage("{}")
	}
	members, err := parseObject(args)
	if err != nil {
		return to, nil, errors.New("the arguments are no JSON object")
	}
	var rest object
	var chosen []json.RawMessage
	for _, m := range members {
		if m.name == connectionName {
			chosen = append(chosen, m.value)
		} else {
			rest = append(rest, m)
		}
	}
	switch {
	case t.wrapsInput():
		if input, err = only(rest, inputName); err != nil {
			return to, nil, err
		}
	case len(chosen) > 0:
		input = rest.json()
	default:
		input = args // as it came, for what is said about it
	}
	to, err = t.choose(chosen)
	return to, input, err
}

// only is the one member that an object has to have.
func only(o object, name string) (json.RawMessage, error) {
	for _, m := range o {
		if m.name != name {
			return nil, fmt.Errorf("there is an argument other than %s", name)
		}
	}
	if len(o) != 1 {
		return nil, fmt.Errorf("/%s is missing, or there more than once", name)
	}
	return o[0].value, nil
}

// choose finds the connection that an argument names, if there is a choice.
func (t *tool) choose(chosen []json.RawMessage) (functions.Target, error) {
	if len(chosen) == 0 && len(t.choices) == 1 {
		return t.choices[0].Target, nil
	}
	var name string
	if len(chosen) == 1 && json.Unmarshal(chosen[0], &name) == nil {
		for _, conn := range t.choices {
			if choiceName(conn.Target) == name {
				return conn.Target, nil
			}
		}
	}
	return functions.Target{}, fmt.Errorf("/%s has to be one of: %s", connectionName, strings.Join(t.choiceNames(), ", "))
}
