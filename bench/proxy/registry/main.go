// The real distribution registry, on which Harbor builds, behind TLS: registry FILE ADDRESS CERTIFICATE KEY.
package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/docker/distribution/configuration"
	"github.com/docker/distribution/registry/handlers"
	_ "github.com/docker/distribution/registry/storage/driver/filesystem"
	"github.com/sirupsen/logrus"
)

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: registry FILE ADDRESS CERTIFICATE KEY")
		os.Exit(2)
	}
	if err := serve(os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(file, address, certificate, key string) error {
	text, err := os.Open(file)
	if err != nil {
		return err
	}
	defer text.Close()
	config, err := configuration.Parse(text)
	if err != nil {
		return err
	}
	logrus.SetLevel(logrus.ErrorLevel)
	server := &http.Server{
		Addr:              address,
		Handler:           pinged(handlers.NewApp(context.Background(), config)),
		ReadHeaderTimeout: time.Minute,
		// As Harbor's nginx answers its node port: HTTP/1.1 only.
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}},
	}
	return server.ListenAndServeTLS(certificate, key)
}

// pinged answers as Harbor's core does where proxies look whether it is well.
func pinged(registry http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/api/v2.0/ping", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "Pong") })
	mux.Handle("/", registry)
	return mux
}
