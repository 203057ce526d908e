package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// whole is every component on one machine's loopback, as the chart would configure them: for tests that
// want a Harbor in seconds. Each has its own root below the folder.
type whole struct {
	folder, listen string
	values         map[string]string // secrets and ports, by the chart's names
	trivy          bool
}

// The chart's files, as far as the roles look at them.
const (
	registryFile = `version: 0.1
log: {level: warn}
storage:
  filesystem: {rootdirectory: /storage}
  cache: {layerinfo: redis}
  delete: {enabled: true}
redis: {addr: "127.0.0.1:$redis", db: 2}
http: {addr: "127.0.0.1:$registry"}
auth: {htpasswd: {realm: harbor-registry-basic-realm, path: "$folder/registry/etc/registry/passwd"}}
validation: {disabled: true}
`
	registryctlFile = `port: $registryctl
registry_config: /etc/registry/config.yml
`
	jobserviceFile = `port: $jobservice
worker_pool: {workers: 10, redis_pool: {redis_url: "redis://127.0.0.1:$redis/1"}}
job_loggers: [{name: FILE, settings: {base_dir: /var/log/jobs}}]
`
	nginxFile = `http {
  upstream core {
    server "127.0.0.1:$core";
  }
  upstream portal {
    server "127.0.0.1:$portal";
  }
  server {
    listen 8443 ssl;
  }
}
`
)

func runAll(ctx context.Context, p place) error {
	flags := flag.NewFlagSet("all", flag.ContinueOnError)
	folder := flags.String("dir", "", "folder of the data, made when it is missing")
	listen := flags.String("listen", "127.0.0.1:8443", "where https is answered")
	password := flags.String("admin-password-file", "", "file whose first line is the administrator's first password")
	certificate := flags.String("cert", "", "PEM file of the certificate; default: one of an own CA, DIR/ca.crt")
	key := flags.String("key", "", "PEM file of its key")
	trivy := flags.Bool("trivy", false, "with a scanner, which scans nothing")
	if err := flags.Parse(p.args); err != nil {
		return err
	}
	if *folder == "" || *password == "" {
		return errors.New("--dir and --admin-password-file are needed")
	}
	text, err := os.ReadFile(*password)
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	w, err := newWhole(*folder, *listen, first)
	if err != nil {
		return err
	}
	w.trivy = *trivy
	if *certificate != "" {
		err = w.useCertificate(*certificate, *key)
	} else {
		err = w.makeCertificate()
	}
	if err != nil {
		return err
	}
	if err := w.write(); err != nil {
		return err
	}
	p.say("INFO", "https://%s, its CA: %s", *listen, filepath.Join(*folder, "ca.crt"))
	w.run(ctx, p)
	return nil
}

// newWhole takes the secrets that an earlier run left in the folder, and makes those that are missing.
func newWhole(folder, listen, password string) (*whole, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	w := &whole{folder: folder, listen: listen, values: map[string]string{"HARBOR_ADMIN_PASSWORD": password}}
	for name, length := range map[string]int{"secretKey": 16, "CORE_SECRET": 16, "JOBSERVICE_SECRET": 16,
		"REGISTRY_HTTP_SECRET": 16, "CSRF_KEY": 32, "REGISTRY_PASSWD": 16, "POSTGRES_PASSWORD": 16} {
		if w.values[name], err = w.kept(name, random(length/2)); err != nil {
			return nil, err
		}
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(w.values["REGISTRY_PASSWD"]), bcrypt.MinCost)
	if err != nil {
		return nil, err
	}
	w.values["htpasswd"] = "harbor_registry_user:" + string(hash)
	roles := []string{"database", "redis", "core", "jobservice", "registry", "registryctl", "portal", "trivy", "plain"}
	ports, err := freePorts(len(roles))
	for i, port := range ports {
		w.values[roles[i]] = port
	}
	return w, err
}

// kept is a secret from an earlier run, or a new one that a later one finds.
func (w *whole) kept(name, fresh string) (string, error) {
	file := filepath.Join(w.folder, "secrets", name)
	if text, err := os.ReadFile(file); err == nil {
		return string(text), nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return "", err
	}
	return fresh, os.WriteFile(file, []byte(fresh), 0o600)
}

// freePorts are different ones, and none that connections are given by chance, so that none takes one before
// its role does. Two stand-ins that start at once look in other places, since their process ids differ.
func freePorts(count int) ([]string, error) {
	found := make([]string, 0, count)
	for port := 20000 + os.Getpid()%500*20; len(found) < count && port < 32768; port++ {
		listener, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port))
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found = append(found, fmt.Sprint(port))
		if err := listener.Close(); err != nil {
			return nil, err
		}
	}
	if len(found) < count {
		return nil, errors.New("no free ports on loopback")
	}
	return found, nil
}

// url is where a component is asked.
func (w *whole) url(role string) string { return "http://127.0.0.1:" + w.values[role] }

// environment is what the chart's ConfigMaps and Secrets would give a role.
func (w *whole) environment(role string) map[string]string {
	v := w.values
	found := map[string]string{"STANDIN_HOST": "127.0.0.1", "STANDIN_PORT": v[role],
		"CORE_SECRET": v["CORE_SECRET"], "JOBSERVICE_SECRET": v["JOBSERVICE_SECRET"],
		"REGISTRY_CREDENTIAL_USERNAME": "harbor_registry_user", "REGISTRY_CREDENTIAL_PASSWORD": v["REGISTRY_PASSWD"],
		"CORE_URL": w.url("core"), "JOBSERVICE_URL": w.url("jobservice"), "REGISTRY_URL": w.url("registry"),
		"REGISTRY_CONTROLLER_URL": w.url("registryctl"), "PORTAL_URL": w.url("portal"), "TRIVY_ADAPTER_URL": w.url("trivy")}
	redis := "redis://127.0.0.1:" + v["redis"]
	own := map[string]map[string]string{
		"database": {"POSTGRES_PASSWORD": v["POSTGRES_PASSWORD"]},
		"registry": {"REGISTRY_HTTP_SECRET": v["REGISTRY_HTTP_SECRET"]},
		"trivy": {"SCANNER_TRIVY_CACHE_DIR": "/cache/trivy", "SCANNER_TRIVY_REPORTS_DIR": "/cache/reports",
			"SCANNER_API_SERVER_ADDR": ":" + v["trivy"], "SCANNER_REDIS_URL": redis + "/5"},
		"core": {"HARBOR_ADMIN_PASSWORD": v["HARBOR_ADMIN_PASSWORD"], "CSRF_KEY": v["CSRF_KEY"], "PORT": v["core"],
			"POSTGRESQL_HOST": "127.0.0.1", "POSTGRESQL_PORT": v["database"], "POSTGRESQL_USERNAME": "postgres",
			"POSTGRESQL_PASSWORD": v["POSTGRES_PASSWORD"], "POSTGRESQL_DATABASE": "registry", "_REDIS_URL_CORE": redis + "/0",
			"EXT_ENDPOINT": "https://" + w.listen, "WITH_TRIVY": fmt.Sprint(w.trivy),
			"PERMITTED_REGISTRY_TYPES_FOR_PROXY_CACHE": "docker-hub,harbor,azure-acr,ali-acr,aws-ecr,google-gcr," +
				"docker-registry,github-ghcr,jfrog-artifactory"},
	}
	maps.Copy(found, own[role])
	return found
}

// place is where a role runs.
func (w *whole) place(role string, p place) place {
	environment := w.environment(role)
	host, port, _ := net.SplitHostPort(w.listen)
	if role == "nginx" {
		environment["STANDIN_HOST"], environment["STANDIN_HTTPS_PORT"] = host, port
		environment["STANDIN_HTTP_PORT"] = w.values["plain"]
	}
	get := func(name string) string { return environment[name] }
	return place{role: role, root: filepath.Join(w.folder, role), get: get, out: p.out}
}

// write puts the files in place that the chart would mount.
func (w *whole) write() error {
	v := w.values
	token, err := w.kept("token.key", pkcs1())
	if err != nil {
		return err
	}
	files := map[string]string{
		"core/etc/core/key":                      v["secretKey"],
		"core/etc/core/private_key.pem":          token,
		"registry/etc/registry/passwd":           v["htpasswd"] + "\n",
		"registry/etc/registry/config.yml":       w.fill(registryFile),
		"registryctl/etc/registry/config.yml":    "version: 0.1\n",
		"registryctl/etc/registryctl/config.yml": w.fill(registryctlFile),
		"jobservice/etc/jobservice/config.yml":   w.fill(jobserviceFile),
		"nginx/etc/nginx/nginx.conf":             w.fill(nginxFile),
	}
	for name, text := range files {
		if err := w.put(name, text); err != nil {
			return err
		}
	}
	return nil
}

// fill writes values where a file names them.
func (w *whole) fill(file string) string {
	return os.Expand(file, func(name string) string {
		if name == "folder" {
			return w.folder
		}
		return w.values[name]
	})
}

func (w *whole) put(name, text string) error {
	file := filepath.Join(w.folder, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text), 0o600)
}

// run starts every role, and anew each that ends: as the kubelet would, without its patience.
func (w *whole) run(ctx context.Context, p place) {
	var all sync.WaitGroup
	for _, name := range []string{"database", "redis", "registry", "registryctl", "portal", "core", "jobservice",
		"nginx", "trivy"} {
		if name == "trivy" && !w.trivy {
			continue
		}
		all.Go(func() {
			for ctx.Err() == nil {
				where := w.place(name, p)
				where.say("INFO", "%s", notice)
				if err := roles[name](ctx, where); err != nil && ctx.Err() == nil {
					where.end(err)
				}
				select {
				case <-ctx.Done():
				case <-time.After(time.Second):
				}
			}
		})
	}
	all.Wait()
}
