//go:build !unix

package postgrestest

import "os/exec"

// account is who the server runs as: here, who runs the test.
type account struct{}

func serverAccount() (*account, error) { return nil, nil }
func (a *account) own(string) error    { return nil }
func (a *account) apply(cmd *exec.Cmd) {}
