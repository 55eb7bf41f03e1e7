package schema

import "strings"

// jsonType is a type of a JSON value. As a bit of a set it is 1<<t.
type jsonType uint8

const (
	typeNone jsonType = iota
	typeNull
	typeBool
	typeNumber
	typeString
	typeList
	typeObject
	typesEnd
)

// typeOf is the type of the value that begins with b.
func typeOf(b byte) jsonType {
	switch b {
	case '{':
		return typeObject
	case '[':
		return typeList
	case '"':
		return typeString
	case 't', 'f':
		return typeBool
	case 'n':
		return typeNull
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return typeNumber
	}
	return typeNone
}

// String is the type with its article.
func (t jsonType) String() string {
	return [typesEnd]string{"nothing", "null", "true or false", "a number", "a string", "a list", "an object"}[t]
}

// typeSet is a set of types.
type typeSet uint8

func (s typeSet) has(t jsonType) bool { return s&(1<<t) != 0 }

func (s typeSet) what() string {
	var names []string
	for t := typeNull; t < typesEnd; t++ {
		if s.has(t) {
			names = append(names, t.String())
		}
	}
	if len(names) == 0 {
		return "absent"
	}
	return strings.Join(names, " or ")
}

// jsonType of the values of a kind, or typeNone if there are several.
func (n *node) jsonType() jsonType {
	switch n.kind {
	case kindBool:
		return typeBool
	case kindInteger, kindNumber:
		return typeNumber
	case kindString, kindQuoted:
		return typeString
	case kindList:
		return typeList
	case kindMap, kindObject:
		return typeObject
	}
	return typeNone
}

// typeName is the value of the keyword type for a kind.
func (n *node) typeName() string {
	switch n.kind {
	case kindBool:
		return "boolean"
	case kindInteger:
		return "integer"
	case kindNumber:
		return "number"
	case kindString, kindQuoted:
		return "string"
	case kindList:
		return "array"
	case kindMap, kindObject:
		return "object"
	}
	return ""
}
