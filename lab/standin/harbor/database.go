package main

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// What a client that may not come in is told, in PostgreSQL's words.
const (
	wrongPassword = `FATAL: password authentication failed for user "%s" (SQLSTATE 28P01)`
	noDatabase    = `FATAL: database "%s" does not exist (SQLSTATE 3D000)`
)

// hello, login and verdict begin a connection. The password itself is never sent.
type hello struct{ Salt, Nonce string }
type login struct{ User, Database, Proof string }
type verdict struct{ Error string }

// query asks for the entries after Since, or adds Append when nobody was faster: the last entry is Expect's.
type query struct {
	Since  *int64  `json:",omitempty"`
	Append []entry `json:",omitempty"`
	Expect int64   `json:",omitempty"`
}

// reply has entries, or says how an append went.
type reply struct {
	Entries []entry `json:",omitempty"`
	Seq     int64
	Stale   bool   `json:",omitempty"`
	Error   string `json:",omitempty"`
}

// database is no PostgreSQL: a log of documents, which demands the password of its first start.
type database struct {
	place
	user, name, data string
	mu               sync.Mutex
	log              *journal // nil when initialisation was cut short: "does not exist"
}

func runDatabase(ctx context.Context, p place) error {
	if err := p.need("POSTGRES_PASSWORD"); err != nil {
		return err
	}
	d := &database{place: p, user: p.env("POSTGRES_USER", "postgres"), name: p.env("POSTGRES_DB", "registry"),
		data: p.file(p.env("PGDATA", "/var/lib/postgresql/data/pgdata"))}
	if err := d.initialise(ctx); err != nil {
		return err
	}
	var err error
	if d.log, err = openJournal(filepath.Join(d.data, "registry.log")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	listener, err := net.Listen("tcp", p.address("5432"))
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { listener.Close() })
	p.say("INFO", "database system is ready to accept connections on %s", listener.Addr())
	for {
		connection, err := listener.Accept()
		if err != nil {
			return ctx.Err()
		}
		go func() {
			defer context.AfterFunc(ctx, func() { connection.Close() })()
			d.serve(connection)
		}()
	}
}

// initialise does what initdb does, in the order that makes upstream's failure: PG_VERSION is there
// first, and who is killed before the database is made never makes it.
func (d *database) initialise(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(d.data, "PG_VERSION")); err == nil {
		d.say("INFO", "Database directory appears to contain a database; Skipping initialization")
		return nil
	}
	if found, _ := os.ReadDir(d.data); len(found) > 0 {
		return death{1, fmt.Sprintf("initdb: error: directory %q exists but is not empty", d.data)}
	}
	if err := os.MkdirAll(d.data, 0o700); err != nil {
		return err
	}
	salt := random(16)
	secret := hex.EncodeToString(proofKey(salt, d.env("POSTGRES_PASSWORD", "")))
	if err := writeSync(filepath.Join(d.data, "password"), salt+" "+secret+"\n"); err != nil {
		return err
	}
	if err := writeSync(filepath.Join(d.data, "PG_VERSION"), "15\n"); err != nil {
		return err
	}
	// A test can make this as slow as initdb is over NFS, and let the probe kill it here.
	seconds, _ := strconv.Atoi(d.env("STANDIN_INITDB_SECONDS", "0"))
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Duration(seconds) * time.Second):
	}
	d.say("INFO", "database %q created", d.name)
	return writeSync(filepath.Join(d.data, "registry.log"), "")
}

func (d *database) serve(connection net.Conn) {
	defer connection.Close()
	in, out := json.NewDecoder(bufio.NewReader(connection)), json.NewEncoder(connection)
	// a probe or a port scan says nothing
	connection.SetDeadline(time.Now().Add(30 * time.Second))
	salt, key := d.secret()
	greeting, asked := hello{salt, random(16)}, login{}
	if out.Encode(greeting) != nil || in.Decode(&asked) != nil {
		return
	}
	refusal := d.refusal(asked, proof(key, greeting.Nonce))
	if out.Encode(verdict{refusal}) != nil || refusal != "" {
		d.say("ERROR", "%s", refusal)
		return
	}
	connection.SetDeadline(time.Time{})
	for {
		var q query
		if in.Decode(&q) != nil || out.Encode(d.answer(q)) != nil {
			return
		}
	}
}

func (d *database) refusal(asked login, right string) string {
	switch {
	case asked.User != d.user || !hmac.Equal([]byte(asked.Proof), []byte(right)):
		return fmt.Sprintf(wrongPassword, asked.User)
	case asked.Database != d.name || d.log == nil:
		return fmt.Sprintf(noDatabase, asked.Database)
	}
	return ""
}

func (d *database) answer(q query) reply {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case q.Since != nil:
		return reply{Entries: d.log.since(*q.Since), Seq: d.log.seq}
	case q.Expect != d.log.seq:
		return reply{Seq: d.log.seq, Stale: true}
	}
	if err := d.log.add(q.Append); err != nil {
		d.say("ERROR", "%v", err)
		return reply{Seq: d.log.seq, Error: err.Error()}
	}
	return reply{Seq: d.log.seq}
}

// secret is the salt and the key that the first start stored: a changed POSTGRES_PASSWORD changes nothing.
func (d *database) secret() (string, []byte) {
	text, err := os.ReadFile(filepath.Join(d.data, "password"))
	if err != nil {
		d.say("ERROR", "%v", err)
	}
	var salt, key string
	fmt.Sscan(string(text), &salt, &key)
	bytes, _ := hex.DecodeString(key)
	return salt, bytes
}

func proofKey(salt, password string) []byte { return mac([]byte(password), salt) }

func proof(key []byte, nonce string) string { return hex.EncodeToString(mac(key, nonce)) }

func mac(key []byte, text string) []byte {
	sum := hmac.New(sha256.New, key)
	sum.Write([]byte(text))
	return sum.Sum(nil)
}

// random is so many bytes, in hexadecimal.
func random(bytes int) string {
	found := make([]byte, bytes)
	rand.Read(found)
	return hex.EncodeToString(found)
}

// healthcheck is the chart's probe of the database: whether it greets.
func healthcheck() int {
	port := os.Getenv("STANDIN_PORT")
	if port == "" {
		port = "5432"
	}
	connection, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", port), 5*time.Second)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer connection.Close()
	connection.SetDeadline(time.Now().Add(5 * time.Second))
	var greeting hello
	if err := json.NewDecoder(connection).Decode(&greeting); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// permissions is the chart's init container of the database: chmod -R 700, and no failure.
func permissions(folder string) int {
	filepath.WalkDir(folder, func(name string, found os.DirEntry, err error) error {
		if err == nil {
			os.Chmod(name, 0o700)
		}
		return nil
	})
	return 0
}
