// The process that holds a pod's namespaces: it does nothing, collects children that
// lost their parent, and ends when told. In Go because the machine may have no C compiler.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	received := make(chan os.Signal, 8)
	signal.Notify(received, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for number := range received {
		if number != syscall.SIGCHLD {
			return
		}
		reap()
	}
}

// reap collects every child that has ended, since one signal may stand for many, and counts them.
func reap() int {
	for count := 0; ; {
		process, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil || process <= 0:
			return count
		default:
			count++
		}
	}
}
