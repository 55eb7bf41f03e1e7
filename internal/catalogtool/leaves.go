package catalogtool

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"

	"github.com/tieline/tieline/internal/spec"
)

// forms are the keys whose values declare fields.
var forms = []string{"connection_config", "credentials", "integration_config", "assertion_option"}

// fieldsOf returns the fields that a provider declares, by the key of their form.
func fieldsOf(p spec.Provider) map[string]spec.Fields {
	return map[string]spec.Fields{
		"connection_config": p.ConnectionConfig, "credentials": p.Credentials,
		"integration_config": p.IntegrationConfig, "assertion_option": p.AssertionOption,
	}
}

// valueOf returns the keys of a provider as an object.
func valueOf(p spec.Provider) spec.Map {
	data, err := json.Marshal(p)
	if err != nil {
		panic("catalogtool: a provider cannot be written: " + err.Error())
	}
	var m spec.Map
	if err := json.Unmarshal(data, &m); err != nil {
		panic("catalogtool: a provider that was written cannot be read: " + err.Error())
	}
	return m
}

// leaf is a text of a provider, outside its forms.
type leaf struct{ path, text string }

// leaves returns all texts that may be templates, with their dotted paths.
func leaves(p spec.Provider) []leaf {
	var out []leaf
	var walk func(path string, v spec.Value)
	walk = func(path string, v spec.Value) {
		switch v.Kind {
		case spec.String:
			out = append(out, leaf{path, v.Text})
		case spec.List:
			for i, item := range v.List {
				walk(fmt.Sprintf("%s[%d]", path, i), item)
			}
		case spec.Object:
			for _, m := range v.Map {
				walk(path+"."+m.Name, m.Value)
			}
		}
	}
	for _, m := range valueOf(p) {
		if !slices.Contains(forms, m.Name) {
			walk(m.Name, m.Value)
		}
	}
	return out
}

// variable finds the variables that name a field.
var variable = regexp.MustCompile(`\b(connectionConfig|credentials|integrationConfig|assertionOption)\.([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)`)

// formOf is the form that declares the fields of a space of variables.
var formOf = map[string]string{
	"connectionConfig": "connection_config", "credentials": "credentials",
	"integrationConfig": "integration_config", "assertionOption": "assertion_option",
}

// reference is a variable of a text: "connection_config" and the name of the field.
type reference struct{ form, name string }

// references returns the fields that a text speaks of.
func references(text string) []reference {
	var out []reference
	for _, m := range variable.FindAllStringSubmatch(text, -1) {
		out = append(out, reference{formOf[m[1]], m[2]})
	}
	return out
}
