package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
)

var repositoryPath = regexp.MustCompile(`^/v2/(.+)/(manifests|blobs|tags|referrers)/(.*)$`)

// registryProxy is the way to the registry, with core's own credential instead of the client's.
func (c *core) registryProxy() (*httputil.ReverseProxy, error) {
	target, err := url.Parse(c.get("REGISTRY_URL"))
	if err != nil || target.Host == "" {
		return nil, fmt.Errorf("REGISTRY_URL: %q is no address", c.get("REGISTRY_URL"))
	}
	return &httputil.ReverseProxy{
		FlushInterval: -1,
		// The client's Host goes on: the registry makes the addresses of uploads of it.
		Director: func(r *http.Request) {
			r.URL.Scheme, r.URL.Host = target.Scheme, target.Host
			r.SetBasicAuth(c.get("REGISTRY_CREDENTIAL_USERNAME"), c.get("REGISTRY_CREDENTIAL_PASSWORD"))
			r.Header.Del("Cookie")
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			c.say("ERROR", "registry: %v", err)
			c.refuse(w, fault{http.StatusBadGateway, "UNKNOWN", "the registry does not answer"})
		},
	}, nil
}

// v2 is the registry's own protocol: who may is let through to it.
func (c *core) v2(w http.ResponseWriter, r *http.Request) {
	if err := c.store.sync(); err != nil {
		c.refuse(w, err)
		return
	}
	who, err := c.identify(w, r)
	if err != nil {
		c.refuse(w, err)
		return
	}
	found := repositoryPath.FindStringSubmatch(r.URL.Path)
	if found == nil {
		known := who.kind != "" && (r.URL.Path == "/v2/" || who.admin())
		c.letThrough(w, r, known, "")
		return
	}
	repository, what := found[1], map[string]string{"GET": "pull", "HEAD": "pull", "DELETE": "delete"}[r.Method]
	if what == "" {
		what = "push"
	}
	project := c.projectOf(repository)
	may := project != nil && c.may(who, project, what)
	// a client that shows nothing is told where tokens are, even when it needs none
	if what == "pull" && r.Header.Get("Authorization") == "" {
		may = false
	}
	if from := r.URL.Query().Get("from"); may && r.Method == http.MethodPost && from != "" {
		other := c.projectOf(from)
		may = other != nil && c.may(who, other, "pull")
	}
	if may && what == "pull" && number(project["registry_id"]) != 0 {
		_, inside, _ := strings.Cut(repository, "/")
		c.fromElsewhere(w, r, number(project["registry_id"]), "/v2/"+inside+"/"+found[2]+"/"+found[3])
		return
	}
	if !may || found[2] == "tags" || what == "pull" {
		scope := map[string]string{"pull": "pull", "push": "pull,push", "delete": "delete"}[what]
		c.letThrough(w, r, may, "repository:"+repository+":"+scope)
		return
	}
	c.write(w, r, project, repository, found[2], found[3])
}

// fromElsewhere answers a pull from a proxy cache with what the other registry says: unlike upstream it keeps nothing,
// and it logs in nowhere.
func (c *core) fromElsewhere(w http.ResponseWriter, r *http.Request, registry int64, path string) {
	target, err := url.Parse(text(c.store.get("registries", registry)["url"]))
	if err != nil {
		c.refuse(w, err)
		return
	}
	elsewhere := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Path, r.Out.URL.RawPath = path, ""
			r.SetURL(target)
			r.Out.Header.Del("Authorization")
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			c.refuse(w, fault{http.StatusBadGateway, "UNKNOWN", err.Error()})
		},
	}
	elsewhere.ServeHTTP(w, r)
}

func (c *core) projectOf(repository string) doc {
	name, _, _ := strings.Cut(repository, "/")
	return c.store.one("projects", "name", name)
}

// letThrough passes a request on, or says where to log in: with a token for those who showed nothing.
func (c *core) letThrough(w http.ResponseWriter, r *http.Request, may bool, scope string) {
	if may {
		c.proxy.ServeHTTP(w, r)
		return
	}
	challenge := `Basic realm="harbor"`
	if r.Header.Get("Authorization") == "" && r.URL.Path != "/v2/_catalog" {
		// the scheme is externalURL's, the host the request's: whatever a proxy says of X-Forwarded-Proto
		scheme, _, _ := strings.Cut(c.get("EXT_ENDPOINT"), "://")
		challenge = fmt.Sprintf(`Bearer realm="%s://%s/service/token",service="%s"`, scheme, r.Host, registryService)
		if scope != "" {
			challenge += fmt.Sprintf(`,scope="%s"`, scope)
		}
	}
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	w.Header().Set("Www-Authenticate", challenge)
	c.refuse(w, unauthorized)
}

// write passes on what changes a repository, looks at the quota before and takes notice afterwards.
func (c *core) write(w http.ResponseWriter, r *http.Request, project doc, repository, what, last string) {
	switch {
	case what == "blobs" && r.Method == http.MethodPut:
		added, err := c.uploaded(r)
		if err == nil {
			err = c.room(project, added)
		}
		if err != nil {
			c.refuse(w, err)
			return
		}
	case what == "manifests" && r.Method == http.MethodPut:
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 8<<20))
		if err != nil {
			c.refuse(w, badRequest("%v", err))
			return
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		if err := c.room(project, c.newIn(project, body)); err != nil {
			c.refuse(w, err)
			return
		}
		c.noticed(w, r, func() error { return c.pushed(project, repository, last, body) })
		return
	case what == "manifests" && r.Method == http.MethodDelete:
		c.noticed(w, r, func() error { return c.gone(project, repository, last) })
		return
	}
	c.proxy.ServeHTTP(w, r)
}

// noticed passes on a request, and stores what it did before its client hears of it.
func (c *core) noticed(w http.ResponseWriter, r *http.Request, store func() error) {
	held := &holder{header: http.Header{}, status: http.StatusOK}
	c.proxy.ServeHTTP(held, r)
	if held.status < 300 {
		if err := store(); err != nil {
			c.refuse(w, err)
			return
		}
	}
	for name, values := range held.header {
		w.Header()[name] = values
	}
	w.WriteHeader(held.status)
	w.Write(held.body.Bytes())
}

// holder keeps an answer that is short.
type holder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *holder) Header() http.Header            { return h.header }
func (h *holder) WriteHeader(status int)         { h.status = status }
func (h *holder) Write(text []byte) (int, error) { return h.body.Write(text) }
func (h *holder) FlushError() error              { return nil }

// uploaded is how large a blob is that is about to be finished: what the registry has, and what comes now.
func (c *core) uploaded(r *http.Request) (int64, error) {
	address := strings.TrimSuffix(c.get("REGISTRY_URL"), "/") + r.URL.Path + "?" + r.URL.RawQuery
	asked, err := http.NewRequestWithContext(r.Context(), http.MethodGet, address, nil)
	if err != nil {
		return 0, err
	}
	asked.SetBasicAuth(c.get("REGISTRY_CREDENTIAL_USERNAME"), c.get("REGISTRY_CREDENTIAL_PASSWORD"))
	answer, err := c.client.Do(asked)
	if err != nil {
		return 0, err
	}
	answer.Body.Close()
	size := max(r.ContentLength, 0)
	// "0-1023" is 1024 bytes; "0-0" is none, or one
	if _, end, found := strings.Cut(answer.Header.Get("Range"), "-"); found && end != "0" {
		size += number(end) + 1
	}
	return size, nil
}
