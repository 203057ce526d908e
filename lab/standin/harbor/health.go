package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// What upstream gives a component's answer.
const healthLimit = 5 * time.Second

func ping(*request) (any, error) { return "Pong", nil }

// health asks every component, and is always answered with 200.
func health(rq *request) (any, error) {
	checks := map[string]func() error{
		"core":        func() error { return nil },
		"portal":      rq.answers(rq.get("PORTAL_URL"), http.StatusOK),
		"registry":    rq.answers(strings.TrimSuffix(rq.get("REGISTRY_URL"), "/")+"/v2/", http.StatusUnauthorized),
		"registryctl": rq.answers(rq.get("REGISTRY_CONTROLLER_URL")+"/api/health", http.StatusOK),
		"jobservice":  rq.answers(rq.get("JOBSERVICE_URL")+"/api/v1/stats", http.StatusOK),
		"redis": func() error {
			if _, err := rq.redis.do("SET", "health", now()); err != nil {
				return err
			}
			_, err := rq.redis.do("GET", "health")
			return err
		},
		"database": rq.store.sync,
	}
	if rq.get("WITH_TRIVY") == "true" {
		checks["trivy"] = rq.answers(rq.get("TRIVY_ADAPTER_URL")+"/probe/healthy", http.StatusOK)
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	components, status := []doc{}, "healthy"
	for name, check := range checks {
		all.Go(func() {
			err := check()
			mu.Lock()
			defer mu.Unlock()
			found := doc{"name": name, "status": "healthy"}
			if err != nil {
				found["status"], found["error"], status = "unhealthy", err.Error(), "unhealthy"
			}
			components = append(components, found)
		})
	}
	all.Wait()
	sortBy(components, "name")
	return doc{"status": status, "components": components}, nil
}

// answers checks that an address answers with a status.
func (c *core) answers(address string, right int) func() error {
	return func() error {
		client := http.Client{Timeout: healthLimit}
		got, err := client.Get(address)
		if err != nil {
			return err
		}
		got.Body.Close()
		if got.StatusCode != right {
			return fmt.Errorf("%s: %s", address, got.Status)
		}
		return nil
	}
}

// systemInfo tells its version to users only.
func systemInfo(rq *request) (any, error) {
	found := doc{"auth_mode": rq.setting("auth_mode"), "self_registration": rq.setting("self_registration"),
		"primary_auth_mode": false, "banner_message": rq.setting("banner_message"), "oidc_provider_name": ""}
	if rq.who.kind != "" {
		_, host, _ := strings.Cut(rq.get("EXT_ENDPOINT"), "://")
		found = with(found, doc{"harbor_version": version, "external_url": rq.get("EXT_ENDPOINT"), "registry_url": host,
			"current_time": now(), "has_ca_root": true, "read_only": rq.setting("read_only"),
			"notification_enable":            rq.setting("notification_enable"),
			"registry_storage_provider_name": rq.env("REGISTRY_STORAGE_PROVIDER_NAME", "filesystem"),
			"project_creation_restriction":   rq.setting("project_creation_restriction")})
	}
	return found, nil
}

// internalConfig is what jobservice reads when it starts, with the secret that both have.
func internalConfig(rq *request) (any, error) { return configurations(rq), nil }
