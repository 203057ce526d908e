package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"strings"
	"time"
)

// As long as upstream's core waits for Redis, then for the database, before it ends and is started anew.
var waits = 60 * time.Second

// Upstream's version that this stands in for.
const version = "v2.15.1-standin"

// core is Harbor's API, its token service and the door to the registry.
type core struct {
	place
	table  *table
	store  *store
	redis  *redisClient
	key    *secretKey
	tokens *tokenKey
	locks  lock
	proxy  *httputil.ReverseProxy
	client *http.Client
}

func runCore(ctx context.Context, p place) error {
	c := &core{place: p, locks: lock{since: map[string]time.Time{}}, client: &http.Client{Timeout: 30 * time.Second}}
	if err := c.configure(); err != nil {
		return err
	}
	if err := c.wait(ctx); err != nil {
		return err
	}
	if err := c.begin(); err != nil {
		return fmt.Errorf("failed to initialize database: %w", err)
	}
	doors := http.NewServeMux()
	doors.HandleFunc(apiRoot+"/", c.api)
	doors.HandleFunc("/service/token", c.token)
	doors.HandleFunc("/v2/", c.v2)
	return p.serve(ctx, p.host(p.env("PORT", "8080")), doors, nil)
}

// configure reads every file and variable: a wrong one is said before anything is waited for.
func (c *core) configure() error {
	err := c.need("CORE_SECRET", "JOBSERVICE_SECRET", "EXT_ENDPOINT", "REGISTRY_URL", "REGISTRY_CREDENTIAL_USERNAME",
		"REGISTRY_CREDENTIAL_PASSWORD", "_REDIS_URL_CORE", "JOBSERVICE_URL", "REGISTRY_CONTROLLER_URL", "PORTAL_URL")
	if err != nil {
		return err
	}
	if c.get("INTERNAL_TLS_ENABLED") == "true" {
		return errors.New("INTERNAL_TLS_ENABLED: the stand-in knows no TLS between its components")
	}
	if length := len(c.get("CSRF_KEY")); length != 32 {
		return fmt.Errorf("CSRF_KEY: %d characters, not 32", length)
	}
	key, err := os.ReadFile(c.file("/etc/core/key"))
	if err != nil {
		return err
	}
	if c.key, err = newSecretKey(strings.TrimSpace(string(key))); err != nil {
		return err
	}
	if c.tokens, err = readTokenKey(c.file("/etc/core/private_key.pem")); err != nil {
		return err
	}
	if c.proxy, err = c.registryProxy(); err != nil {
		return err
	}
	if c.redis, err = newRedisClient(c.get("_REDIS_URL_CORE")); err != nil {
		return err
	}
	db, err := newDBClient(c.place)
	if err != nil {
		return err
	}
	if c.table, err = readTable(); err != nil {
		return err
	}
	c.store = newStore(db, c.table.Kinds)
	return nil
}

// wait is upstream's order: Redis, then the database.
func (c *core) wait(ctx context.Context) error {
	err := within(ctx, waits, 2*time.Second, func() error {
		_, err := c.redis.do("PING")
		if err != nil {
			c.say("ERROR", "failed to ping %s, retry after 2s : %v", c.redis.address.Redacted(), err)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("failed to initialize cache: %w", err)
	}
	host, port := c.store.db.host, c.store.db.port
	err = within(ctx, waits, 2*time.Second, func() error {
		connection, err := net.DialTimeout("tcp", net.JoinHostPort(host, port), 5*time.Second)
		if err != nil {
			c.say("ERROR", "failed to connect to tcp://%s:%s, retry after 2 seconds :%v", host, port, err)
			return err
		}
		return connection.Close()
	})
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("failed to initialize database: failed to connect to tcp:%s:%s after %.0f seconds",
			host, port, waits.Seconds())
	}
	return err
}

// begin fills a new database, and refuses one that another secretKey was used for.
func (c *core) begin() error {
	err := c.store.change(func(w *change) error {
		if len(c.store.all("properties")) > 0 {
			return nil
		}
		password := c.get("HARBOR_ADMIN_PASSWORD")
		if password == "" {
			return errors.New("HARBOR_ADMIN_PASSWORD is not set, and this is the first start")
		}
		w.add("properties", doc{"_sentinel": c.key.encrypt(sentinel)})
		admin := with(made(), doc{"username": "admin", "realname": "system admin", "comment": "admin user",
			"sysadmin_flag": true, "admin_role_in_auth": false, "email": ""})
		id := w.add("users", with(admin, hashed(password)))
		w.addQuota(c.addProject(w, "library", doc{"public": "true"}, id, "admin"), "library", -1)
		c.say("INFO", "a new database: user admin and project library made")
		return nil
	})
	if err != nil {
		return err
	}
	stored := c.store.all("properties")[0]
	if plain, err := c.key.decrypt(text(stored["_sentinel"])); err != nil || plain != sentinel {
		return errors.New("secretKey: what the database holds was encrypted with another one; put that one back")
	}
	return nil
}

// setting is a value of the configuration: the stored one, or the table's default.
func (c *core) setting(key string) any {
	if stored := c.store.one("settings", "key", key); stored != nil {
		return stored["value"]
	}
	return c.table.Configuration[key].Value
}

// ask calls another component with core's secret.
func (c *core) ask(method, address string, body any) error {
	written, err := json.Marshal(body)
	if err != nil {
		return err
	}
	asked, err := http.NewRequest(method, address, strings.NewReader(string(written)))
	if err != nil {
		return err
	}
	asked.Header.Set("Authorization", "Harbor-Secret "+c.get("CORE_SECRET"))
	got, err := c.client.Do(asked)
	if err != nil {
		return err
	}
	defer got.Body.Close()
	if got.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s", method, address, got.Status)
	}
	return nil
}
