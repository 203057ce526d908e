package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// As long as core waits for an answer: a stalled storage is a database that does not answer.
const databaseLimit = 30 * time.Second

// errStale is an append that somebody else's came before.
var errStale = errors.New("the database has newer entries")

// dbClient is core's side of the database: one connection, made anew when it broke.
type dbClient struct {
	host, port, user, password, name string

	mu         sync.Mutex
	connection net.Conn
	in         *json.Decoder
	out        *json.Encoder
	failed     time.Time
	why        error
}

func newDBClient(p place) (*dbClient, error) {
	if err := p.need("POSTGRESQL_HOST", "POSTGRESQL_USERNAME", "POSTGRESQL_PASSWORD", "POSTGRESQL_DATABASE"); err != nil {
		return nil, err
	}
	if mode := p.env("POSTGRESQL_SSLMODE", "disable"); mode != "disable" {
		return nil, fmt.Errorf("POSTGRESQL_SSLMODE=%s: the stand-in's database knows no TLS", mode)
	}
	return &dbClient{host: p.get("POSTGRESQL_HOST"), port: p.env("POSTGRESQL_PORT", "5432"),
		user: p.get("POSTGRESQL_USERNAME"), password: p.get("POSTGRESQL_PASSWORD"), name: p.get("POSTGRESQL_DATABASE")}, nil
}

// since are the entries after one.
func (c *dbClient) since(seq int64) ([]entry, error) {
	answer, err := c.ask(query{Since: &seq})
	if err == nil && answer.Seq < seq {
		// another data directory than before: core has to be started anew
		err = errors.New(`ERROR: relation "properties" does not exist (SQLSTATE 42P01)`)
	}
	return answer.Entries, err
}

// add appends entries that follow on one; errStale when it is not the last any more.
func (c *dbClient) add(after int64, added []entry) error {
	answer, err := c.ask(query{Append: added, Expect: after})
	if err == nil && answer.Stale {
		return errStale
	}
	return err
}

func (c *dbClient) ask(q query) (reply, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var answer reply
	// who waited for the one that failed need not wait as long again
	if time.Since(c.failed) < time.Second {
		return answer, c.why
	}
	reused := c.connection != nil
	answer, err := c.exchange(q)
	// A connection from before the database was started anew. An append that arrived all the same is not
	// added twice: it is stale then.
	if err != nil && reused {
		answer, err = c.exchange(q)
	}
	if err == nil && answer.Error != "" {
		err = errors.New(answer.Error)
	}
	if err != nil {
		c.failed, c.why = time.Now(), err
	}
	return answer, err
}

func (c *dbClient) exchange(q query) (answer reply, err error) {
	if c.connection == nil {
		if err := c.connect(); err != nil {
			return answer, err
		}
	}
	c.connection.SetDeadline(time.Now().Add(databaseLimit))
	if err = c.out.Encode(q); err == nil {
		err = c.in.Decode(&answer)
	}
	if err != nil {
		c.connection.Close()
		c.connection = nil
		err = fmt.Errorf("database: %w", err)
	}
	return answer, err
}

// connect logs in, or fails in the words that upstream's core would use.
func (c *dbClient) connect() error {
	connection, err := net.DialTimeout("tcp", net.JoinHostPort(c.host, c.port), 5*time.Second)
	if err != nil {
		return err
	}
	connection.SetDeadline(time.Now().Add(databaseLimit))
	in, out := json.NewDecoder(bufio.NewReader(connection)), json.NewEncoder(connection)
	var greeting hello
	var answer verdict
	if err = in.Decode(&greeting); err == nil {
		given := proof(proofKey(greeting.Salt, c.password), greeting.Nonce)
		if err = out.Encode(login{c.user, c.name, given}); err == nil {
			err = in.Decode(&answer)
		}
	}
	if err == nil && answer.Error != "" {
		err = fmt.Errorf("register db Ping `default`, failed to connect to `host=%s user=%s database=%s`: server error (%s)",
			c.host, c.user, c.name, answer.Error)
	}
	if err != nil {
		connection.Close()
		return err
	}
	c.connection, c.in, c.out = connection, in, out
	return nil
}
