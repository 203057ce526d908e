package main

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

var adapters = []string{"ali-acr", "aws-ecr", "azure-acr", "docker-hub", "docker-registry", "github-ghcr", "gitlab",
	"google-gcr", "harbor", "huawei-SWR", "jfrog-artifactory", "quay", "tencent-tcr", "volcengine-cr"}

func init() {
	rules["registries"] = rule{word: "registry", check: checkRegistry, show: showRegistry, free: freeRegistry}
}

// cached is whether a project may be a cache of this kind: the chart says so to core.
func (c *core) cached(registry doc) error {
	kind := text(registry["type"])
	if !slices.Contains(strings.Split(c.get("PERMITTED_REGISTRY_TYPES_FOR_PROXY_CACHE"), ","), kind) {
		return badRequest("unsupported registry type %s", kind)
	}
	return nil
}

// showRegistry keeps the secret to itself.
func showRegistry(_ *request, registry doc) doc {
	found := shown(registry)
	if credential := fields(registry["credential"]); len(credential) > 0 {
		found["credential"] = with(shown(credential), doc{"access_secret": "*****"})
	}
	return found
}

// checkRegistry asks the registry whether it is there, as Harbor does before it stores one.
func checkRegistry(rq *request, w *change, registry, old doc) error {
	name := text(registry["name"])
	if name == "" {
		return badRequest("name cannot be empty")
	}
	if len(name) > 64 {
		return badRequest("the max length of name is 64")
	}
	if !slices.Contains(adapters, text(registry["type"])) {
		return badRequest("adapter factory for %s not found", text(registry["type"]))
	}
	for _, field := range []string{"access_key", "access_secret", "credential_type"} {
		// a change names them without the object around
		if value, given := registry[field]; given {
			inner := map[string]string{"credential_type": "type"}[field]
			if inner == "" {
				inner = field
			}
			registry["credential"] = with(fields(registry["credential"]), doc{inner: value})
			delete(registry, field)
		}
	}
	if credential := fields(registry["credential"]); credential["access_secret"] != nil {
		kept := with(credential, doc{"_secret": rq.key.encrypt(text(credential["access_secret"]))})
		delete(kept, "access_secret")
		registry["credential"] = kept
	}
	same := func(other doc) bool { return other["name"] == name }
	if err := rq.alone("registries", registry, old, same, "registry "+name+" already exists"); err != nil {
		return err
	}
	registry["status"] = "healthy"
	return rq.probe(registry)
}

// probe takes any answer of a registry as one, a login's demand too; with a credential it must be right.
func (c *core) probe(registry doc) error {
	found, err := url.Parse(text(registry["url"]))
	if err != nil || found.Host == "" || !strings.HasPrefix(found.Scheme, "http") {
		return badRequest("invalid URL: %s", text(registry["url"]))
	}
	asked, err := http.NewRequest(http.MethodGet, found.JoinPath("/v2/").String(), nil)
	if err != nil {
		return badRequest("%v", err)
	}
	credential := fields(registry["credential"])
	name, stored := text(credential["access_key"]), text(credential["_secret"])
	if name != "" {
		secret, err := c.key.decrypt(stored)
		if err != nil {
			return err
		}
		asked.SetBasicAuth(name, secret)
	}
	unverified := &tls.Config{InsecureSkipVerify: yes(registry["insecure"])}
	transport := &http.Transport{TLSClientConfig: unverified, Proxy: http.ProxyFromEnvironment}
	defer transport.CloseIdleConnections()
	client := &http.Client{Timeout: 10 * time.Second, Transport: transport}
	answer, err := client.Do(asked)
	if err != nil {
		c.say("WARNING", "registry %s: %v", text(registry["name"]), err)
		return badRequest("the registry is unhealthy")
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK && (name != "" || answer.StatusCode != http.StatusUnauthorized) {
		return badRequest("the registry is unhealthy")
	}
	return nil
}

func freeRegistry(rq *request, registry doc) error {
	for _, project := range rq.store.all("projects") {
		if number(project["registry_id"]) == number(registry["id"]) {
			return precondition("the registry %s is referenced by proxy cache project, cannot delete it", text(registry["id"]))
		}
	}
	return nil
}
