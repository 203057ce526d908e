// A stand-in for Harbor, whose images and chart are in no package registry: one program with all of its
// components, around the real distribution registry. README.md says what it is not.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

const notice = "This is breakwater's lab stand-in for Harbor, not the upstream program: the same settings, secrets, " +
	"start-up order and the calls that breakwater makes, for tests on machines that cannot reach the upstream images. " +
	"Not for production."

// role is a component: it runs until the context ends, or says why it cannot.
type role func(context.Context, place) error

var roles = map[string]role{
	"core": runCore, "database": runDatabase, "exporter": runExporter, "jobservice": runJobservice,
	"nginx": runNginx, "portal": runPortal, "redis": runRedis, "registry": runRegistry,
	"registryctl": runRegistryctl, "trivy": runTrivy,
}

// death is an end in upstream's own words and with its exit code, which breakwater looks for.
type death struct {
	code  int
	words string
}

func (d death) Error() string { return d.words }

func main() {
	name := ""
	if len(os.Args) > 1 {
		name = os.Args[1]
	}
	// The chart's probe of the database calls a file; in the image that is a link to this program.
	if filepath.Base(os.Args[0]) == "docker-healthcheck.sh" || name == "healthcheck" {
		os.Exit(healthcheck())
	}
	if name == "permissions" && len(os.Args) == 3 {
		os.Exit(permissions(os.Args[2]))
	}
	run, known := roles[name]
	if name == "all" {
		run, known = runAll, true
	}
	if !known {
		known := strings.Join(names(), ", ")
		fmt.Fprintf(os.Stderr, "usage: %s ROLE\nROLE: all, healthcheck, permissions DIR, %s (registry serve FILE: with that configuration)\n", os.Args[0], known)
		os.Exit(2)
	}
	where := place{role: name, get: os.Getenv, out: os.Stdout, args: os.Args[2:]}
	where.say("INFO", "%s", notice)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, where); err != nil && !errors.Is(err, context.Canceled) {
		os.Exit(where.end(err))
	}
}

func names() []string {
	found := []string{}
	for name := range roles {
		found = append(found, name)
	}
	slices.Sort(found)
	return found
}
