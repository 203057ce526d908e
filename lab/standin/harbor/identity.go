package main

import (
	"crypto/hmac"
	"net/http"
	"strings"
	"sync"
	"time"
)

// As long as Harbor refuses a user's logins after a wrong password, and lets that one wait.
const frozen = 1500 * time.Millisecond

// identity is who asks: user, robot, token or internal; nobody has no kind.
type identity struct {
	kind string
	name string
	doc  doc
	// what a token is good for, by the project's name
	access map[string][]string
}

func (i identity) admin() bool { return i.kind == "user" && yes(i.doc["sysadmin_flag"]) }

// Harbor's numbers of roles: 1 project admin, 2 developer, 3 guest, 4 maintainer, 5 limited guest.
var rights = map[string]map[int64]bool{
	"see":    {1: true, 2: true, 3: true, 4: true, 5: true},
	"read":   {1: true, 2: true, 3: true, 4: true},
	"write":  {1: true, 4: true},
	"manage": {1: true},
	"pull":   {1: true, 2: true, 3: true, 4: true, 5: true},
	"push":   {1: true, 2: true, 4: true},
	"delete": {1: true, 4: true},
}

// may says whether somebody may do a thing of rights with a project.
func (c *core) may(who identity, project doc, what string) bool {
	if (what == "pull" || what == "see") && isPublic(project) {
		return true
	}
	switch who.kind {
	case "user":
		if who.admin() {
			return true
		}
		return rights[what][c.role(who.doc, project)]
	case "robot":
		return robotMay(who.doc, project, what)
	case "token":
		for _, action := range who.access[text(project["name"])] {
			if action == what {
				return true
			}
		}
	}
	return false
}

// role is a user's in a project; 0 for none.
func (c *core) role(user, project doc) int64 {
	for _, member := range c.store.find("members", "entity_id", user["user_id"]) {
		if member["entity_type"] == "u" && number(member["project_id"]) == number(project["project_id"]) {
			return number(member["role_id"])
		}
	}
	return 0
}

// lock is Harbor's own against guessing: see frozen.
type lock struct {
	mu    sync.Mutex
	since map[string]time.Time
}

func (l *lock) locked(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Since(l.since[name]) <= frozen
}

func (l *lock) lock(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for other, since := range l.since {
		if time.Since(since) > frozen {
			delete(l.since, other)
		}
	}
	l.since[name] = time.Now()
}

// identify is who a request is from. A wrong password is nobody's, not an error: the call says whether
// nobody may.
func (c *core) identify(w http.ResponseWriter, r *http.Request) (identity, error) {
	cookie, _ := r.Cookie("sid")
	if cookie != nil && !safe(r.Method) && !c.csrfRight(cookie.Value, r.Header.Get("X-Harbor-CSRF-Token")) {
		return identity{}, forbidden("CSRF token invalid")
	}
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch scheme {
	case "Harbor-Secret":
		return c.internal(value), nil
	case "Bearer":
		return c.tokens.verify(value), nil
	}
	name, password, basic := r.BasicAuth()
	if basic {
		if err := c.store.sync(); err != nil {
			c.say("ERROR", "login of %s: %v", name, err)
			return identity{}, nil
		}
		who := c.login(name, password)
		if who.kind == "user" && strings.HasPrefix(r.URL.Path, "/api/") {
			c.session(w, who)
		}
		return who, nil
	}
	if cookie != nil {
		return c.ofSession(w, cookie.Value), nil
	}
	return identity{}, nil
}

func safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

func (c *core) internal(secret string) identity {
	for _, name := range []string{"CORE_SECRET", "JOBSERVICE_SECRET"} {
		if hmac.Equal([]byte(secret), []byte(c.get(name))) {
			return identity{kind: "internal", name: name}
		}
	}
	return identity{}
}

// login takes robots first, and whoever is none as a user: a robot's wrong secret so costs as much as
// a user's wrong password.
func (c *core) login(name, password string) identity {
	if kept, is := strings.CutPrefix(name, c.robotPrefix()); is {
		if robot := c.store.one("robots", "name", kept); robot != nil && c.robotLogsIn(robot, password) {
			return identity{kind: "robot", name: name, doc: robot}
		}
	}
	if c.locks.locked(name) {
		return identity{}
	}
	user := c.store.one("users", "username", name)
	if user == nil || !passwordRight(user, password) {
		c.say("WARNING", "Login failed, locking %s, and sleep for %v", name, frozen)
		c.locks.lock(name)
		time.Sleep(frozen)
		return identity{}
	}
	return identity{kind: "user", name: name, doc: user}
}

// session keeps a login in Redis, and hands out its cookie.
func (c *core) session(w http.ResponseWriter, who identity) {
	sid := random(16)
	if _, err := c.redis.do("SET", "session:"+sid, who.name, "EX", "1800"); err != nil {
		c.say("ERROR", "session: %v", err)
		return
	}
	http.SetCookie(w, &http.Cookie{Name: "sid", Value: sid, Path: "/", HttpOnly: true})
}

func (c *core) ofSession(w http.ResponseWriter, sid string) identity {
	w.Header().Set("X-Harbor-CSRF-Token", c.csrf(sid))
	name, err := c.redis.do("GET", "session:"+sid)
	if err != nil || name == "" || c.store.sync() != nil {
		return identity{}
	}
	user := c.store.one("users", "username", name)
	if user == nil {
		return identity{}
	}
	return identity{kind: "user", name: name, doc: user}
}

func (c *core) csrf(sid string) string { return proof([]byte(c.get("CSRF_KEY")), sid) }

func (c *core) csrfRight(sid, token string) bool {
	return hmac.Equal([]byte(c.csrf(sid)), []byte(token))
}
