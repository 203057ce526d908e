package main

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"github.com/docker/distribution/configuration"
	_ "github.com/docker/distribution/registry/auth/htpasswd"
	"github.com/docker/distribution/registry/handlers"
	_ "github.com/docker/distribution/registry/storage/driver/filesystem"
	"github.com/sirupsen/logrus"
	"gopkg.in/yaml.v2"
)

const registryConfig = "/etc/registry/config.yml"

// runRegistry is the real distribution registry, on file systems only, with the chart's own configuration,
// or, as upstream's program takes it, with that of `serve FILE`.
func runRegistry(ctx context.Context, p place) error {
	name := registryConfig
	if len(p.args) == 2 && p.args[0] == "serve" {
		name = p.args[1]
	}
	file, err := os.Open(p.file(name))
	if err != nil {
		return err
	}
	defer file.Close()
	config, err := configuration.Parse(file)
	if err != nil {
		return err
	}
	config.HTTP.Secret = p.env("REGISTRY_HTTP_SECRET", config.HTTP.Secret)
	if config.HTTP.Secret == "" {
		return fmt.Errorf("not set: REGISTRY_HTTP_SECRET")
	}
	if kind := config.Storage.Type(); kind != "filesystem" {
		return fmt.Errorf("storage %q: the stand-in's registry knows filesystem only", kind)
	}
	root := fmt.Sprint(config.Storage.Parameters()["rootdirectory"])
	if err := p.writable(root); err != nil {
		return err
	}
	config.Storage["filesystem"]["rootdirectory"] = p.file(root)
	if level, err := logrus.ParseLevel(string(config.Log.Level)); err == nil {
		logrus.SetLevel(level)
	}
	logrus.SetOutput(p.out)
	app := handlers.NewApp(ctx, config)
	return p.serve(ctx, config.HTTP.Addr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// the kubelet's probes
		if r.URL.Path == "/" {
			w.WriteHeader(http.StatusOK)
			return
		}
		app.ServeHTTP(w, r)
	}), nil)
}

// runRegistryctl is beside the registry, on its configuration and its claim.
func runRegistryctl(ctx context.Context, p place) error {
	if err := p.need("CORE_SECRET", "JOBSERVICE_SECRET"); err != nil {
		return err
	}
	var config struct {
		Port           string `yaml:"port"`
		RegistryConfig string `yaml:"registry_config"`
	}
	if err := p.yaml("/etc/registryctl/config.yml", &config); err != nil {
		return err
	}
	if _, err := os.Stat(p.file(config.RegistryConfig)); err != nil {
		return err
	}
	doors := http.NewServeMux()
	doors.HandleFunc("GET /api/health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, `"healthy"`) })
	return p.serve(ctx, p.host(config.Port), doors, nil)
}

// yaml reads a file that the chart mounts.
func (p place) yaml(name string, into any) error {
	text, err := os.ReadFile(p.file(name))
	if err != nil {
		return err
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
