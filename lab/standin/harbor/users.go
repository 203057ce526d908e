package main

import (
	"regexp"
	"strings"
)

// Harbor's own.
var email = regexp.MustCompile(`^(([^<>()[\]\\.,;:\s@\"]+(\.[^<>()[\]\\.,;:\s@\"]+)*)|(\".+\"))@` +
	`((\[[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\])|(([a-zA-Z\-0-9]+\.)+[a-zA-Z]{2,}))$`)

const illegal = `,"~#%$`

const weak = "the password or secret must be 8-128, inclusively, characters long with at least 1 uppercase letter, " +
	"1 lowercase letter and 1 number"

// rules are what the kinds have of their own.
var rules = map[string]rule{}

func init() {
	rules["users"] = rule{word: "user", among: otherUsers, check: checkUser, free: freeUser}
}

// otherUsers leaves the first administrator out, as Harbor does.
func otherUsers(rq *request) ([]doc, error) {
	found := []doc{}
	for _, user := range rq.store.all("users") {
		if number(user["user_id"]) != 1 {
			found = append(found, user)
		}
	}
	return found, nil
}

func currentUser(rq *request) (any, error) {
	if rq.who.kind != "user" {
		return nil, precondition("get current user not available for security context: %s", rq.who.kind)
	}
	return shown(rq.who.doc), nil
}

func createUser(rq *request) (any, error) {
	if mode := text(rq.setting("auth_mode")); mode != "db_auth" {
		return nil, forbidden("creating local user is not allowed under auth mode: " + mode)
	}
	password := text(rq.body["password"])
	if !strong(password) {
		return nil, badRequest(weak)
	}
	var id int64
	err := rq.store.change(func(w *change) error {
		user := with(made(), doc{"username": rq.body["username"], "email": rq.body["email"], "realname": rq.body["realname"],
			"sysadmin_flag": false, "admin_role_in_auth": false})
		if comment := text(rq.body["comment"]); comment != "" {
			user["comment"] = comment
		}
		if err := checkUser(rq, w, user, nil); err != nil {
			return err
		}
		id = w.add("users", with(user, hashed(password)))
		return nil
	})
	return rq.madeAt(id), err
}

// checkUser is for new ones, and for a profile and the administrator's flag.
func checkUser(rq *request, w *change, user, old doc) error {
	_, flag := rq.body["sysadmin_flag"]
	if err := profileFault(user, old == nil); err != nil && !flag {
		return err
	}
	if old != nil && user["username"] != old["username"] {
		return badRequest("a user's name stays")
	}
	for _, field := range []string{"username", "email"} {
		for _, other := range w.find("users", field, user[field]) {
			if number(other["user_id"]) != number(user["user_id"]) {
				// Harbor does not say which of the two it is
				return conflict("user %s or email %s already exists", text(user["username"]), text(user["email"]))
			}
		}
	}
	return nil
}

// profileFault is what Harbor has against a user's profile; nil for nothing.
func profileFault(user doc, isNew bool) error {
	switch address := text(user["email"]); {
	case address == "":
		return badRequest("email can't be empty")
	case !email.MatchString(address):
		return badRequest("email with illegal format")
	}
	names := []string{"realname"}
	if isNew {
		names = append(names, "username")
	}
	for _, name := range names {
		if length := len(text(user[name])); length < 1 || length > 255 {
			return badRequest("%s with illegal length", name)
		}
		if strings.ContainsAny(text(user[name]), illegal) {
			return badRequest("%s contains illegal characters", name)
		}
	}
	if len(text(user["comment"])) > 30 {
		return badRequest("comment with illegal length")
	}
	return nil
}

func freeUser(rq *request, user doc) error {
	if id := number(user["user_id"]); id == 1 || id == number(rq.who.doc["user_id"]) {
		return forbidden("User with ID " + text(user["user_id"]) + " cannot be deleted")
	}
	return nil
}

func changePassword(rq *request) (any, error) {
	return nil, rq.store.change(func(w *change) error {
		id := rq.id("user_id")
		own := rq.who.kind == "user" && number(rq.who.doc["user_id"]) == id
		if !own && !rq.who.admin() {
			return forbidden("forbidden")
		}
		user := rq.store.get("users", id)
		wanted := text(rq.body["new_password"])
		switch {
		case user == nil:
			return notFound("user %d not found", id)
		case own && !passwordRight(user, text(rq.body["old_password"])):
			return forbidden("Current password is incorrect")
		case !strong(wanted):
			return badRequest(weak)
		case passwordRight(user, wanted):
			return badRequest("New password is identical to old password")
		}
		w.set("users", id, with(with(user, hashed(wanted)), doc{"update_time": now()}))
		return nil
	})
}
