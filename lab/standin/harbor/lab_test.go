package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

const first = "Admin-passw0rd"

// lab is a set of roles on loopback, in this process, without the door: core is asked itself.
type lab struct {
	*testing.T
	*whole
	changed map[string]string
	running map[string]func() error
	logs    sync.Map
}

// newLab has nothing running. What is changed is "ROLE VARIABLE" and its value.
func newLab(t *testing.T, changes ...string) *lab {
	t.Helper()
	w, err := newWhole(t.TempDir(), "127.0.0.1:8443", first)
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{T: t, whole: w, changed: map[string]string{}, running: map[string]func() error{}}
	for at := 0; at < len(changes); at += 2 {
		l.changed[changes[at]] = changes[at+1]
	}
	if err := errors.Join(w.makeCertificate(), w.write()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for role := range l.running {
			l.stop(role)
		}
	})
	return l
}

func startedLab(t *testing.T, changes ...string) *lab {
	l := newLab(t, changes...)
	l.start("database", "redis", "registry", "registryctl", "portal", "core", "jobservice")
	return l
}

// start runs roles one after the other, each until it answers.
func (l *lab) start(names ...string) {
	l.Helper()
	for _, name := range names {
		ended := l.begin(name)
		deadline := time.Now().Add(20 * time.Second)
		for !strings.Contains(l.log(name), "listening on") && !strings.Contains(l.log(name), "ready to accept") && !strings.Contains(l.log(name), "Ready to accept") {
			select {
			case err := <-ended:
				l.Fatalf("%s ended: %v\n%s", name, err, l.log(name))
			case <-time.After(10 * time.Millisecond):
			}
			if time.Now().After(deadline) {
				l.Fatalf("%s does not answer:\n%s", name, l.log(name))
			}
		}
	}
}

// fails runs a role that must end by itself, and gives what it says.
func (l *lab) fails(name string) (string, int) {
	l.Helper()
	where := l.where(name)
	ctx, stop := context.WithTimeout(l.Context(), 20*time.Second)
	defer stop()
	err := roles[name](ctx, where)
	if err == nil || ctx.Err() != nil {
		l.Fatalf("%s did not end: %v", name, err)
	}
	code := where.end(err)
	return l.log(name), code
}

func (l *lab) begin(name string) <-chan error {
	ctx, stop := context.WithCancel(l.Context())
	ended := make(chan error, 2)
	where := l.where(name)
	go func() {
		err := roles[name](ctx, where)
		ended <- err
		ended <- err
	}()
	l.running[name] = func() error {
		stop()
		return <-ended
	}
	return ended
}

func (l *lab) stop(names ...string) {
	for _, name := range names {
		l.running[name]()
		delete(l.running, name)
	}
}

// where is a role's place with what this test changes, and a new log.
func (l *lab) where(name string) place {
	out := &logText{}
	l.logs.Store(name, out)
	p := l.place(name, place{out: out})
	// as they are now: a process's environment stays
	get, changed := p.get, maps.Clone(l.changed)
	p.get = func(variable string) string {
		if value, is := changed[name+" "+variable]; is {
			return value
		}
		return get(variable)
	}
	return p
}

func (l *lab) log(name string) string {
	found, _ := l.logs.Load(name)
	return found.(*logText).String()
}

type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logText) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(text)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// who is a name and a password; nobody has none.
type who [2]string

var admin = who{"admin", first}

// ask calls core, and gives the status and the body.
func (l *lab) ask(user who, method, path string, body any) (int, string) {
	l.Helper()
	status, text, _ := l.exchange(user, method, path, body, nil)
	return status, text
}

func (l *lab) exchange(user who, method, path string, body any, header http.Header) (int, string, http.Header) {
	l.Helper()
	if !strings.HasPrefix(path, "/v2/") && !strings.HasPrefix(path, "/service/") {
		path = apiRoot + path
	}
	var sent io.Reader
	switch body := body.(type) {
	case nil:
	case []byte:
		sent = bytes.NewReader(body)
	default:
		text, err := json.Marshal(body)
		if err != nil {
			l.Fatal(err)
		}
		sent = bytes.NewReader(text)
	}
	asked, err := http.NewRequest(method, l.url("core")+path, sent)
	if err != nil {
		l.Fatal(err)
	}
	for name, values := range header {
		asked.Header[name] = values
	}
	if user[0] != "" {
		asked.SetBasicAuth(user[0], user[1])
	}
	answer, err := http.DefaultClient.Do(asked)
	if err != nil {
		l.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		l.Fatal(err)
	}
	return answer.StatusCode, string(text), answer.Header
}

// must asks for a status, and gives the body as JSON.
func (l *lab) must(status int, user who, method, path string, body any) any {
	l.Helper()
	got, text := l.ask(user, method, path, body)
	if got != status {
		l.Fatalf("%s %s: %d, not %d: %s", method, path, got, status, text)
	}
	var answer any
	json.Unmarshal([]byte(text), &answer)
	return answer
}
