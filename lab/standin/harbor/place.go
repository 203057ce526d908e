package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// place is where a role runs: what the chart gives it as environment and files.
type place struct {
	role string
	// root stands before every path: empty in a container.
	root string
	get  func(string) string
	out  io.Writer
	args []string
}

// file is a path as the chart mounts it.
func (p place) file(name string) string { return filepath.Join("/", p.root, name) }

func (p place) env(name, otherwise string) string {
	if value := p.get(name); value != "" {
		return value
	}
	return otherwise
}

// need names every variable that is missing, so that one look at the log tells them all.
func (p place) need(names ...string) error {
	var missing []string
	for _, name := range names {
		if p.get(name) == "" {
			missing = append(missing, name)
		}
	}
	if missing != nil {
		return fmt.Errorf("not set: %s", strings.Join(missing, ", "))
	}
	return nil
}

// host is where to listen on a port: on everything, unless all roles run in one process on loopback.
func (p place) host(port string) string { return net.JoinHostPort(p.get("STANDIN_HOST"), port) }

// address is the same for a port that the chart does not tell its component.
func (p place) address(port string) string { return p.host(p.env("STANDIN_PORT", port)) }

// say writes a line in the form of Harbor's own logs.
func (p place) say(level, format string, values ...any) {
	line := fmt.Sprintf(format, values...)
	fmt.Fprintf(p.out, "%s [%s] [standin/%s]: %s\n", time.Now().UTC().Format(time.RFC3339), level, p.role, line)
}

// end says why a role ends, and with which code.
func (p place) end(err error) int {
	var words death
	if errors.As(err, &words) {
		fmt.Fprintln(p.out, words.words)
		return words.code
	}
	p.say("FATAL", "%v", err)
	return 1
}

// writable makes sure that a claim is there and takes what is written: a role that would notice later ends now.
func (p place) writable(folder string) error {
	name := filepath.Join(p.file(folder), ".standin")
	if err := os.MkdirAll(p.file(folder), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(name, []byte(time.Now().UTC().Format(time.RFC3339)+"\n"), 0o600); err != nil {
		return fmt.Errorf("%s: not writable: %w", folder, err)
	}
	return os.Remove(name)
}

// serve answers until the context ends, then lets what is under way end.
func (p place) serve(ctx context.Context, address string, handler http.Handler, certificate *tls.Config) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	if certificate != nil {
		listener = tls.NewListener(listener, certificate)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	p.say("INFO", "listening on %s", listener.Addr())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return server.Shutdown(grace)
}

// within tries something again and again, and gives its last error when the time is over.
func within(ctx context.Context, limit, pause time.Duration, try func() error) error {
	deadline := time.Now().Add(limit)
	for {
		err := try()
		if err == nil || time.Now().Add(pause).After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}
