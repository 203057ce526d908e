package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func contains(t *testing.T, text, wanted string) {
	t.Helper()
	if !strings.Contains(text, wanted) {
		t.Fatalf("%q is not in:\n%s", wanted, text)
	}
}

// push is one layer and its manifest, by Basic auth; the status is that of the first thing that is refused.
func (l *lab) push(user who, repository, tag string, layer []byte) int {
	l.Helper()
	config := []byte(`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}`)
	parts := []doc{}
	for _, blob := range [][]byte{config, layer} {
		status, _, header := l.exchange(user, "POST", "/v2/"+repository+"/blobs/uploads/", nil, nil)
		if status != http.StatusAccepted {
			return status
		}
		place, err := url.Parse(header.Get("Location"))
		if err != nil {
			l.Fatal(err)
		}
		status, _, header = l.exchange(user, "PATCH", place.Path+"?"+place.RawQuery, blob, nil)
		if status != http.StatusAccepted {
			return status
		}
		place, _ = url.Parse(header.Get("Location"))
		status, _, _ = l.exchange(user, "PUT", place.Path+"?"+place.RawQuery+"&digest="+url.QueryEscape(digestOf(blob)), nil, nil)
		if status != http.StatusCreated {
			return status
		}
		parts = append(parts, doc{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digestOf(blob), "size": len(blob)})
	}
	written, err := json.Marshal(doc{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": parts[0], "layers": parts[1:]})
	if err != nil {
		l.Fatal(err)
	}
	status, _, _ := l.exchange(user, "PUT", "/v2/"+repository+"/manifests/"+tag, written,
		http.Header{"Content-Type": {"application/vnd.oci.image.manifest.v1+json"}})
	return status
}

func (l *lab) healthy() map[string]string {
	l.Helper()
	found := map[string]string{}
	health := l.must(200, who{}, "GET", "/health", nil).(doc)
	for _, component := range list(health["components"]) {
		found[text(fields(component)["name"])] = text(fields(component)["status"])
	}
	found["all"] = text(health["status"])
	return found
}

func TestAnImageThereAndBackOverARestart(t *testing.T) {
	l := startedLab(t)
	layer := []byte("a layer")
	if status := l.push(admin, "library/image", "one", layer); status != http.StatusCreated {
		t.Fatalf("push: %d", status)
	}
	l.stop("core", "registry", "redis", "database")
	l.start("database", "redis", "registry", "core")
	if got, text := l.ask(admin, "GET", "/v2/library/image/blobs/"+digestOf(layer), nil); got != 200 || text != string(layer) {
		t.Fatalf("pull: %d %s", got, text)
	}
	repository := l.must(200, admin, "GET", "/projects/library/repositories", nil).([]any)[0].(doc)
	if repository["name"] != "library/image" || repository["artifact_count"] != 1.0 {
		t.Fatal(repository)
	}
	// the same blobs again are nothing new: the quota is as full as before
	used := func() any { return l.must(200, admin, "GET", "/quotas/1", nil).(doc)["used"].(doc)["storage"] }
	before := used()
	l.push(admin, "library/image", "two", layer)
	if before == 0.0 || used() != before {
		t.Fatalf("%v used, then %v", before, used())
	}
	l.must(200, admin, "DELETE", "/projects/library/repositories/image", nil)
	l.must(404, admin, "GET", "/v2/library/image/manifests/one", nil)
	if used() != 0.0 {
		t.Fatalf("%v used by nothing", used())
	}
}

func TestHealthAsksEveryComponent(t *testing.T) {
	l := startedLab(t)
	for name, status := range l.healthy() {
		if status != "healthy" {
			t.Errorf("%s: %s", name, status)
		}
	}
	for _, role := range []string{"registry", "registryctl", "portal", "jobservice", "redis", "database"} {
		l.stop(role)
		if found := l.healthy(); found[role] != "unhealthy" || found["all"] != "unhealthy" {
			t.Errorf("without %s: %v", role, found)
		}
	}
	l.must(200, who{}, "GET", "/ping", nil)
	// Harbor calls a right password wrong while its database is away
	l.must(401, admin, "GET", "/users/current", nil)
	l.start("database", "redis", "registry", "registryctl", "portal")
	time.Sleep(1100 * time.Millisecond)
	l.start("jobservice")
	if found := l.healthy(); found["all"] != "healthy" {
		t.Errorf("with all of them again: %v", found)
	}
	l.must(200, admin, "GET", "/users/current", nil)
}

func TestThePartsWaitForEachOther(t *testing.T) {
	waits = 3 * time.Second
	t.Cleanup(func() { waits = 60 * time.Second })
	l := newLab(t)
	said, code := l.fails("core")
	contains(t, said, "failed to initialize cache")
	said, code = l.fails("jobservice")
	contains(t, said, "panic: failed to load configuration, error: failed to load rest config")
	if code != 2 {
		t.Errorf("jobservice ends with %d", code)
	}
	l.start("redis")
	said, code = l.fails("core")
	contains(t, said, "failed to initialize database: failed to connect to tcp:127.0.0.1:"+l.values["database"]+" after 3 seconds")
	if code != 1 {
		t.Errorf("core ends with %d", code)
	}
	// core goes on by itself when the database comes
	ended := l.begin("core")
	l.start("database")
	select {
	case err := <-ended:
		t.Fatalf("core ended: %v", err)
	case <-time.After(3 * time.Second):
	}
	l.start("jobservice")
}

func TestASecretThatIsWrong(t *testing.T) {
	l := startedLab(t)
	if status := l.push(admin, "library/image", "one", []byte("a layer")); status != http.StatusCreated {
		t.Fatalf("push: %d", status)
	}
	robot := l.must(201, admin, "POST", "/robots", doc{"name": "one", "level": "system", "duration": -1, "permissions": []doc{
		{"kind": "project", "namespace": "library", "access": []doc{{"resource": "repository", "action": "pull"}}}}}).(doc)
	account := who{text(robot["name"]), text(robot["secret"])}
	l.must(200, account, "GET", "/v2/", nil)
	token := text(l.must(200, admin, "GET", "/service/token?service=harbor-registry&scope=repository:library/image:pull", nil).(doc)["token"])
	known := func() int {
		status, _, _ := l.exchange(who{}, "GET", "/v2/", nil, http.Header{"Authorization": {"Bearer " + token}})
		return status
	}
	if known() != 200 {
		t.Fatal("a good token is not taken")
	}
	key := filepath.Join(l.folder, "core/etc/core/key")
	for name, wrong := range map[string]struct{ file, value, words string }{
		"another secretKey": {key, "0123456789abcdef", "encrypted with another one"},
		"a short secretKey": {key, "short", "secretKey: 5 characters, not 16"},
		"PKCS#8":            {filepath.Join(l.folder, "core/etc/core/private_key.pem"), "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no RSA PRIVATE KEY (PKCS#1) in it"},
		"CSRF_KEY":          {"core CSRF_KEY", "short", "CSRF_KEY: 5 characters, not 32"},
		"database password": {"core POSTGRESQL_PASSWORD", "wrong", `FATAL: password authentication failed for user "postgres" (SQLSTATE 28P01)`},
		"database name":     {"core POSTGRESQL_DATABASE", "other", `FATAL: database "other" does not exist (SQLSTATE 3D000)`},
		"JOBSERVICE_SECRET": {"jobservice JOBSERVICE_SECRET", "wrong", "Failed on load rest config err:http error: code 401"},
	} {
		role := "core"
		if strings.HasPrefix(wrong.file, "jobservice") {
			role = "jobservice"
		}
		l.stop(role)
		right := l.swap(wrong.file, wrong.value)
		said, _ := l.fails(role)
		if !strings.Contains(said, wrong.words) || strings.Contains(said, right) {
			t.Errorf("%s: %s", name, said)
		}
		l.swap(wrong.file, right)
		l.start(role)
	}
	// the administrator's is for the first start only
	l.restart("core", "HARBOR_ADMIN_PASSWORD", "Other-passw0rd")
	l.must(200, admin, "GET", "/users/current", nil)
	l.must(200, account, "GET", "/v2/", nil)
	l.restart("database", "POSTGRES_PASSWORD", "Other-passw0rd")
	time.Sleep(1100 * time.Millisecond)
	l.must(200, admin, "GET", "/users/current", nil)
	// another token key: what the old one signed is nobody's
	l.swap(filepath.Join(l.folder, "core/etc/core/private_key.pem"), pkcs1())
	l.restart("core", "", "")
	if known() != 401 {
		t.Error("a token of another key is taken")
	}
	l.restart("core", "REGISTRY_CREDENTIAL_PASSWORD", "wrong")
	if status := l.push(admin, "library/image", "two", []byte("a layer")); status != 401 {
		t.Errorf("a push with a wrong registry credential: %d", status)
	}
	gc := doc{"schedule": doc{"type": "Daily"}}
	l.must(200, admin, "PUT", "/system/gc/schedule", gc)
	l.restart("core", "CORE_SECRET", "wrong")
	l.must(500, admin, "PUT", "/system/gc/schedule", gc)
}

func TestAnotherHTTPSecretEndsUploads(t *testing.T) {
	l := startedLab(t)
	_, _, header := l.exchange(admin, "POST", "/v2/library/image/blobs/uploads/", nil, nil)
	place, err := url.Parse(header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	l.restart("registry", "REGISTRY_HTTP_SECRET", "another")
	if status, text, _ := l.exchange(admin, "PATCH", place.Path+"?"+place.RawQuery, []byte("a layer"), nil); status < 400 {
		t.Errorf("goes on: %d %s", status, text)
	}
}

// swap changes a file, or a variable of a role, and gives what was there.
func (l *lab) swap(what, value string) string {
	l.Helper()
	if !filepath.IsAbs(what) {
		role, variable, _ := strings.Cut(what, " ")
		before := l.where(role).get(variable)
		l.changed[what] = value
		return before
	}
	before, err := os.ReadFile(what)
	if err != nil {
		l.Fatal(err)
	}
	if err := os.WriteFile(what, []byte(value), 0o600); err != nil {
		l.Fatal(err)
	}
	return string(before)
}

func (l *lab) restart(role, variable, value string) {
	l.Helper()
	l.stop(role)
	if variable != "" {
		l.changed[role+" "+variable] = value
	}
	l.start(role)
}

func TestADatabaseThatWasNeverFinished(t *testing.T) {
	l := newLab(t, "database STANDIN_INITDB_SECONDS", "600")
	l.start("redis")
	l.begin("database")
	data := filepath.Join(l.folder, "database/var/lib/postgresql/data/pgdata")
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(data, "PG_VERSION")); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no PG_VERSION")
		}
	}
	// what a liveness probe does to a slow initdb
	l.stop("database")
	l.start("database")
	said, _ := l.fails("core")
	contains(t, said, `FATAL: database "registry" does not exist (SQLSTATE 3D000)`)
	l.stop("database")
	if err := os.Remove(filepath.Join(data, "PG_VERSION")); err != nil {
		t.Fatal(err)
	}
	said, _ = l.fails("database")
	contains(t, said, "exists but is not empty")
}

func TestTheDoor(t *testing.T) {
	l := startedLab(t)
	l.swap(filepath.Join(l.folder, "nginx/etc/nginx/nginx.conf"),
		"http {\n  upstream core {\n    server \"harbor-core.invalid:80\";\n  }\n  upstream portal {\n    server \"127.0.0.1:80\";\n  }\n}\n")
	said, code := l.fails("nginx")
	contains(t, said, `host not found in upstream "harbor-core.invalid:80" in /etc/nginx/nginx.conf:3`)
	if code != 1 {
		t.Errorf("ends with %d", code)
	}
}

// containerd asks by POST first, and by GET when that is 405.
func TestTokensAreNotPosted(t *testing.T) {
	l := startedLab(t)
	l.must(405, admin, "POST", "/service/token", nil)
}

func TestWhatTheTableHasNotIsNotThere(t *testing.T) {
	l := startedLab(t)
	contains(t, text(l.must(501, admin, "GET", "/scanners", nil).(doc)["errors"].([]any)[0].(doc)["code"]), "NOT_IMPLEMENTED")
}

// Two cores on one database: none gives a number, or a name, that the other one gave.
func TestTwoCores(t *testing.T) {
	l := startedLab(t)
	port := l.values["core"]
	others, err := freePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	other := others[0]
	l.values["core"] = other
	second := l.running["core"]
	l.start("core")
	l.running["first core"] = second
	made := make(chan int, 40)
	for at := range 20 {
		for _, core := range []string{port, other} {
			go func() {
				body := strings.NewReader(`{"project_name":"both-` + text(at) + `"}`)
				asked, _ := http.NewRequest("POST", "http://127.0.0.1:"+core+"/api/v2.0/projects", body)
				asked.SetBasicAuth(admin[0], admin[1])
				answer, err := http.DefaultClient.Do(asked)
				if err != nil {
					made <- 0
					return
				}
				answer.Body.Close()
				made <- answer.StatusCode
			}()
		}
	}
	counts := map[int]int{}
	for range 40 {
		counts[<-made]++
	}
	if counts[201] != 20 || counts[409] != 20 {
		t.Error(counts)
	}
	ids := map[any]bool{}
	for _, project := range l.must(200, admin, "GET", "/projects?page_size=100", nil).([]any) {
		ids[project.(doc)["project_id"]] = true
	}
	if len(ids) != 21 {
		t.Error(len(ids))
	}
}
