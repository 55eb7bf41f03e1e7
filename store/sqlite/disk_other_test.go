//go:build unix && !linux

package sqlite

func osRoles() map[string]func(string) error {
	return map[string]func(string) error{"nobody": asNobody}
}
