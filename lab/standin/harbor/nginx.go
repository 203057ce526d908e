package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"
)

const (
	nginxConfig = "/etc/nginx/nginx.conf"
	// as the chart's nginx.conf has it for /v2/
	upstreamLimit = 900 * time.Second
)

// front is the part of the chart's nginx.conf that is used here.
type front struct {
	place
	core, portal string
	tls          bool
}

func readFront(p place) (*front, error) {
	text, err := os.ReadFile(p.file(nginxConfig))
	if err != nil {
		return nil, err
	}
	f := &front{place: p, tls: regexp.MustCompile(`listen\s+\S*8443\s+ssl`).Match(text)}
	for name, into := range map[string]*string{"core": &f.core, "portal": &f.portal} {
		found := regexp.MustCompile(`upstream\s+` + name + `\s*\{\s*server\s+"?([^";\s]+)"?`).FindSubmatchIndex(text)
		if found == nil {
			return nil, fmt.Errorf("%s: no upstream %s", nginxConfig, name)
		}
		*into = string(text[found[2]:found[3]])
		host, _, err := net.SplitHostPort(*into)
		if err != nil {
			return nil, fmt.Errorf("%s: upstream %s: %w", nginxConfig, name, err)
		}
		// nginx looks its names up once, before it listens
		if _, err := net.LookupHost(host); err != nil {
			line := strings.Count(string(text[:found[2]]), "\n") + 1
			return nil, emergency("host not found in upstream %q in %s:%d", *into, nginxConfig, line)
		}
	}
	return f, nil
}

// emergency ends nginx in its own words.
func emergency(format string, values ...any) error {
	when := time.Now().UTC().Format("2006/01/02 15:04:05")
	return death{1, when + " [emerg] 1#1: " + fmt.Sprintf(format, values...)}
}

// runNginx is the door: TLS, with everything else sent there. A new certificate needs a new start, as upstream.
func runNginx(ctx context.Context, p place) error {
	f, err := readFront(p)
	if err != nil {
		return err
	}
	plain, secure := p.host(p.env("STANDIN_HTTP_PORT", "8080")), p.host(p.env("STANDIN_HTTPS_PORT", "8443"))
	if !f.tls {
		return p.serve(ctx, plain, f.doors(), nil)
	}
	pair, err := tls.LoadX509KeyPair(p.file("/etc/nginx/cert/tls.crt"), p.file("/etc/nginx/cert/tls.key"))
	if err != nil {
		return emergency("cannot load certificate: %v", err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 2)
	go func() { ended <- p.serve(ctx, plain, http.HandlerFunc(redirect), nil) }()
	config := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	go func() { ended <- p.serve(ctx, secure, f.doors(), config) }()
	err = <-ended
	stop()
	<-ended
	return err
}

// redirect goes to the same name, without the port: as upstream's configuration says.
func redirect(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "https://"+hostOnly(r.Host)+r.URL.RequestURI(), http.StatusMovedPermanently)
}

func hostOnly(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return host
}

func (f *front) doors() http.Handler {
	core, portal := f.to(f.core), f.to(f.portal)
	return http.HandlerFunc(func(inner http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		w := &answered{ResponseWriter: inner, status: http.StatusOK}
		// as upstream's log_format has it, up to what tests count
		defer func(asked string) {
			at := time.Now().Format("02/Jan/2006:15:04:05 -0700")
			fmt.Printf("[%s]:%s - %q %d\n", at, hostOnly(r.RemoteAddr), asked, w.status)
		}(fmt.Sprintf("%s %s %s", r.Method, r.RequestURI, r.Proto))
		switch {
		case strings.HasPrefix(path, "/v1/"), path == "/service/notifications":
			w.WriteHeader(http.StatusNotFound)
		case strings.HasPrefix(path, "/api/"), strings.HasPrefix(path, "/c/"):
			// upstream gives these the name without the port
			r.Host = hostOnly(r.Host)
			core.ServeHTTP(w, r)
		case strings.HasPrefix(path, "/v2/"), strings.HasPrefix(path, "/service/"):
			core.ServeHTTP(w, r)
		default:
			portal.ServeHTTP(w, r)
		}
	})
}

// answered remembers the status of an answer.
type answered struct {
	http.ResponseWriter
	status int
}

func (a *answered) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

func (a *answered) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (f *front) to(address string) http.Handler {
	target := &url.URL{Scheme: "http", Host: address}
	transport := &http.Transport{ResponseHeaderTimeout: upstreamLimit, MaxIdleConnsPerHost: 32, DisableCompression: true}
	return &httputil.ReverseProxy{
		Transport: transport,
		// nothing is held back: neither pushes nor pulls have a limit here
		FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
			r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"]
			r.SetXForwarded()
			if proto := r.In.Header.Get("X-Forwarded-Proto"); proto != "" {
				r.Out.Header.Set("X-Forwarded-Proto", proto)
			}
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			f.say("ERROR", "%s %s: %v", r.Method, r.URL.Path, err)
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusBadGateway)
			fmt.Fprint(w, "<html><head><title>502 Bad Gateway</title></head></html>")
		},
	}
}
