package main

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

var robotName = regexp.MustCompile(`^[a-z0-9]+(?:[._-][a-z0-9]+)*$`)

func init() {
	rules["robots"] = rule{word: "robot", among: robotsOf, show: showRobot}
}

// showRobot puts the prefix of now before the name that is kept: another one renames all robots at once.
func showRobot(rq *request, robot doc) doc {
	return with(shown(robot), doc{"name": rq.robotPrefix() + text(robot["name"])})
}

func (c *core) robotPrefix() string { return text(c.setting("robot_name_prefix")) }

// robotMay looks at a robot's own permissions: it is a member of nothing.
func robotMay(robot, project doc, what string) bool {
	for _, permission := range list(robot["permissions"]) {
		found := fields(permission)
		if text(found["kind"]) != "project" || (found["namespace"] != "*" && found["namespace"] != project["name"]) {
			continue
		}
		for _, access := range list(found["access"]) {
			given := fields(access)
			if given["resource"] == "repository" && given["action"] == what {
				return true
			}
		}
	}
	return false
}

func (c *core) robotLogsIn(robot doc, secret string) bool {
	if yes(robot["disable"]) || (number(robot["expires_at"]) > 0 && time.Now().Unix() >= number(robot["expires_at"])) {
		return false
	}
	kept, err := c.key.decrypt(text(robot["_secret"]))
	if err != nil {
		c.say("ERROR", "robot %s: its secret cannot be read: %v", text(robot["name"]), err)
		return false
	}
	return kept == secret
}

// robotsOf are the system's, or a project's: q=Level=project,ProjectID=1.
func robotsOf(rq *request) ([]doc, error) {
	asked := map[string]string{}
	for _, term := range strings.Split(rq.http.URL.Query().Get("q"), ",") {
		field, value, _ := strings.Cut(term, "=")
		asked[field] = value
	}
	level, project := asked["Level"], number(asked["ProjectID"])
	switch {
	case level == "" || level == "system":
		project = 0
	case level != "project":
		return nil, badRequest("bad request error level input")
	case asked["ProjectID"] == "":
		return nil, badRequest("must with project ID when to query project robots")
	case project <= 0:
		return nil, badRequest("ProjectID must be a positive integer")
	}
	if err := rq.robotManager(project); err != nil {
		return nil, err
	}
	return rq.store.find("robots", "_project", project), nil
}

// robotManager refuses those who may not have to do with a project's robots, or the system's.
func (rq *request) robotManager(project int64) error {
	if rq.who.admin() {
		return nil
	}
	found := rq.store.get("projects", project)
	return rq.denied(found != nil && rq.may(rq.who, found, "manage"))
}

// wellFormed is Harbor's look at a robot before it is made or changed.
func wellFormed(body doc) error {
	level, duration := text(body["level"]), number(body["duration"])
	permissions := list(body["permissions"])
	switch {
	case duration != -1 && duration <= 0:
		return badRequest("bad request error duration input: %d, duration must be either -1(Never) or a positive integer",
			duration)
	case level != "system" && level != "project":
		return badRequest("bad request error level input: %s", level)
	case len(permissions) == 0:
		return badRequest("bad request empty permission")
	case level == "project" && len(permissions) > 1:
		return badRequest("bad request permission")
	}
	for _, permission := range permissions {
		found := fields(permission)
		kind := text(found["kind"])
		if len(list(found["access"])) == 0 {
			return badRequest("bad request empty access")
		}
		if kind != "project" && kind != "system" {
			return badRequest("bad request permission level: %s", kind)
		}
	}
	return nil
}

// allowed refuses what no robot can be allowed, by the table's list.
func (c *core) allowed(permissions []any) error {
	for _, permission := range permissions {
		found := fields(permission)
		for _, access := range list(found["access"]) {
			resource, action := text(fields(access)["resource"]), text(fields(access)["action"])
			if !slices.Contains(c.table.Actions[text(found["kind"])+" "+resource], action) {
				return badRequest("bad request permission: %s:%s", resource, action)
			}
		}
	}
	return nil
}

func createRobot(rq *request) (any, error) {
	short, permissions := text(rq.body["name"]), list(rq.body["permissions"])
	if !robotName.MatchString(short) {
		return nil, badRequest("robot name is not in lower case or contains illegal characters")
	}
	if err := wellFormed(rq.body); err != nil {
		return nil, err
	}
	if err := rq.allowed(permissions); err != nil {
		return nil, err
	}
	// what the client says of a secret is ignored
	secret, duration := rq.newSecret(), number(rq.body["duration"])
	var answer doc
	err := rq.store.change(func(w *change) error {
		name, project, err := rq.robotPlace(short)
		if err != nil {
			return err
		}
		if rq.store.one("robots", "name", name) != nil {
			return conflict("robot account %s already exists", short)
		}
		robot := with(made(), doc{"name": name, "level": rq.body["level"], "duration": duration, "permissions": permissions,
			"disable": yes(rq.body["disable"]), "editable": true, "expires_at": expiry(time.Now(), duration),
			"creator_type": "local", "creator_ref": rq.who.doc["user_id"], "_project": project,
			"_secret": rq.key.encrypt(secret)})
		if words := text(rq.body["description"]); words != "" {
			robot["description"] = words
		}
		id := w.add("robots", robot)
		answer = doc{"id": id, "name": rq.robotPrefix() + name, "secret": secret, "creation_time": robot["creation_time"],
			"expires_at": robot["expires_at"]}
		return nil
	})
	return created{rq.madeAt(answer["id"]).place, answer}, err
}

// robotPlace is a new robot's name as it is kept, and its project's number; 0 for the system's.
func (rq *request) robotPlace(short string) (string, int64, error) {
	for _, permission := range list(rq.body["permissions"]) {
		found := fields(permission)
		name := text(found["namespace"])
		if found["kind"] == "project" && name != "*" && rq.store.one("projects", "name", name) == nil {
			return "", 0, notFound("project %s not found", name)
		}
	}
	if rq.body["level"] == "system" {
		return short, 0, rq.denied(rq.who.admin())
	}
	name := text(fields(list(rq.body["permissions"])[0])["namespace"])
	project := rq.store.one("projects", "name", name)
	if project == nil {
		return "", 0, notFound("project %s not found", name)
	}
	id := number(project["project_id"])
	return name + "+" + short, id, rq.robotManager(id)
}

// expiry is when so many days are over, in seconds since 1970; -1 for never.
func expiry(from time.Time, days int64) int64 {
	if days < 0 {
		return -1
	}
	return from.AddDate(0, 0, int(days)).Unix()
}

// newSecret has a letter of each class, whatever chance gives.
func (c *core) newSecret() string { return "Aa1" + random(15)[:29] }

func robotSecret(rq *request) (any, error) {
	answer := doc{}
	return answer, rq.changeRobot(func(robot doc) (doc, error) {
		secret := text(rq.body["secret"])
		if secret == "" {
			secret = rq.newSecret()
			answer["secret"] = secret
		} else if !strong(secret) {
			return nil, badRequest(weak)
		}
		return doc{"_secret": rq.key.encrypt(secret)}, nil
	})
}

func updateRobot(rq *request) (any, error) {
	return nil, rq.changeRobot(func(robot doc) (doc, error) {
		body := with(rq.body, nil)
		if _, given := body["duration"]; !given {
			body["duration"] = robot["duration"]
		}
		if err := wellFormed(body); err != nil {
			return nil, err
		}
		if err := rq.allowed(list(body["permissions"])); err != nil {
			return nil, err
		}
		if body["level"] != robot["level"] || body["name"] != rq.robotPrefix()+text(robot["name"]) {
			return nil, badRequest("cannot update the level or name of robot")
		}
		first := rq.store.one("projects", "name", fields(list(body["permissions"])[0])["namespace"])
		if robot["level"] == "project" && (first == nil || number(first["project_id"]) != number(robot["_project"])) {
			return nil, badRequest("cannot update the project id of robot")
		}
		changed := doc{"description": body["description"], "disable": yes(body["disable"]),
			"permissions": body["permissions"], "duration": body["duration"]}
		if number(body["duration"]) != number(robot["duration"]) {
			began, _ := time.Parse(time.RFC3339, text(robot["creation_time"]))
			changed["expires_at"] = expiry(began, number(body["duration"]))
		}
		return changed, nil
	})
}

// changeRobot gives the chosen robot other fields.
func (rq *request) changeRobot(how func(doc) (doc, error)) error {
	return rq.store.change(func(w *change) error {
		robot, id, err := rq.chosen()
		if err != nil {
			return err
		}
		if err := rq.robotManager(number(robot["_project"])); err != nil {
			return err
		}
		changed, err := how(robot)
		if err != nil {
			return err
		}
		w.set("robots", id, with(with(robot, changed), doc{"update_time": now()}))
		return nil
	})
}

func deleteRobot(rq *request) (any, error) {
	return nil, rq.store.change(func(w *change) error {
		robot, id, err := rq.chosen()
		if err != nil {
			return err
		}
		if err := rq.robotManager(number(robot["_project"])); err != nil {
			return err
		}
		w.drop("robots", id)
		return nil
	})
}
