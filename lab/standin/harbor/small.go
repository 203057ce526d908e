package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

const page = `<!doctype html><title>Harbor stand-in</title>
<h1>This is not Harbor</h1>
<p>It is the stand-in of breakwater's lab: the same settings, secrets and start-up order, a real registry,
and the calls of Harbor's API that breakwater makes. It has no pages to click on.</p>
`

// runPortal has one page.
func runPortal(ctx context.Context, p place) error {
	return p.serve(ctx, p.address("8080"), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, page)
	}), nil)
}

// runTrivy is there and writes to its claim; it scans nothing.
func runTrivy(ctx context.Context, p place) error {
	for _, folder := range []string{"SCANNER_TRIVY_CACHE_DIR", "SCANNER_TRIVY_REPORTS_DIR"} {
		if err := p.need(folder); err != nil {
			return err
		}
		if err := p.writable(p.get(folder)); err != nil {
			return err
		}
	}
	redis, err := newRedisClient(p.get("SCANNER_REDIS_URL"))
	if err != nil {
		return err
	}
	if err := writeSync(p.file(p.get("SCANNER_TRIVY_CACHE_DIR")+"/started"), now()+"\n"); err != nil {
		return err
	}
	doors := http.NewServeMux()
	doors.HandleFunc("GET /probe/healthy", func(http.ResponseWriter, *http.Request) {})
	doors.HandleFunc("GET /probe/ready", func(w http.ResponseWriter, _ *http.Request) {
		if _, err := redis.do("PING"); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
	_, port, _ := strings.Cut(p.env("SCANNER_API_SERVER_ADDR", ":8080"), ":")
	return p.serve(ctx, p.host(port), doors, nil)
}

// runExporter tells core's health as figures.
func runExporter(ctx context.Context, p place) error {
	scheme, port := p.env("HARBOR_SERVICE_SCHEME", "http"), p.env("HARBOR_SERVICE_PORT", "80")
	host := net.JoinHostPort(p.env("HARBOR_SERVICE_HOST", "harbor-core"), port)
	address := scheme + "://" + host + apiRoot + "/ping"
	client := http.Client{Timeout: 5 * time.Second}
	doors := http.NewServeMux()
	doors.HandleFunc(p.env("HARBOR_EXPORTER_METRICS_PATH", "/metrics"), func(w http.ResponseWriter, _ *http.Request) {
		up := 0
		if answer, err := client.Get(address); err == nil {
			answer.Body.Close()
			up = 1
		}
		fmt.Fprintf(w, "# TYPE harbor_up gauge\nharbor_up{component=\"core\"} %d\n", up)
	})
	doors.HandleFunc("/{$}", func(http.ResponseWriter, *http.Request) {})
	return p.serve(ctx, p.host(p.env("HARBOR_EXPORTER_PORT", "8001")), doors, nil)
}
