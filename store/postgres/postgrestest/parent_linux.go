package postgrestest

import (
	"os/exec"
	"syscall"
)

// endWithParent lets the server stop at once when the test binary is killed.
func endWithParent(cmd *exec.Cmd) { cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT }
