// CoreDNS with the plugins the lab's cluster DNS needs, and no others: the full
// one pulls in cloud providers' libraries and takes minutes longer to build.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/hosts"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
)

// Plugins run in this order, whatever the Corefile's. A directive must stand here to be known at all.
func init() {
	dnsserver.Directives = []string{
		"bind", "health", "ready", "errors", "cache", "hosts", "kubernetes", "forward",
	}
}

func main() {
	coremain.Run()
}
