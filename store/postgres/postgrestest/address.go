package postgrestest

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
)

// superuser is the name of the database's superuser.
const superuser = "tieline"

// address is where a cluster listens: at a socket in its own folder, which only
// its account can enter, or, on Windows, at a port of loopback with a password.
type address struct {
	socketDir string
	port      int
	password  string
	passFile  string
}

func newAddress(dir string) (address, error) {
	if runtime.GOOS != "windows" {
		return address{socketDir: dir, port: 5432}, nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return address{}, err
	}
	defer l.Close() // the server takes the port over
	a := address{port: l.Addr().(*net.TCPAddr).Port, password: rand.Text(), passFile: filepath.Join(dir, "password")}
	return a, os.WriteFile(a.passFile, []byte(a.password), 0o600)
}

func (a address) initdbArgs() []string {
	if a.socketDir != "" {
		return []string{"--auth-local=trust", "--auth-host=reject"}
	}
	return []string{"--auth=scram-sha-256", "--pwfile=" + a.passFile}
}

func (a address) settings() []string {
	if a.socketDir != "" {
		return []string{"listen_addresses=", "unix_socket_directories=" + a.socketDir, fmt.Sprint("port=", a.port)}
	}
	return []string{"listen_addresses=127.0.0.1", fmt.Sprint("port=", a.port)}
}

func (a address) url() string {
	u := url.URL{Scheme: "postgres", User: url.User(superuser), Path: "/postgres"}
	if a.socketDir != "" {
		u.RawQuery = url.Values{"host": {a.socketDir}, "port": {strconv.Itoa(a.port)}}.Encode()
		return u.String()
	}
	u.User = url.UserPassword(superuser, a.password)
	u.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(a.port))
	return u.String()
}
