package main

import "slices"

// Harbor's roles, by number.
var roleNames = []string{"", "projectAdmin", "developer", "guest", "maintainer", "limitedGuest"}

func showMember(rq *request, member doc) doc {
	found := shown(member)
	if text(member["entity_type"]) == "g" {
		return found
	}
	// the name is the user's as it is now
	if user := rq.store.get("users", number(member["entity_id"])); user != nil {
		found["entity_name"] = user["username"]
	}
	return found
}

func checkMember(rq *request, w *change, member, old doc) error {
	role := number(rq.body["role_id"])
	if group := fields(rq.body["member_group"]); old == nil && len(group) > 0 {
		if err := checkGroup(rq, w, member, group); err != nil {
			return err
		}
	} else if old == nil {
		asked := fields(rq.body["member_user"])
		user := rq.store.one("users", "username", asked["username"])
		if id := number(asked["user_id"]); id != 0 {
			user = rq.store.get("users", id)
		}
		if user == nil {
			return notFound("user %s is not found", text(asked["username"]))
		}
		for _, other := range w.find("members", "entity_id", user["user_id"]) {
			if number(other["project_id"]) == number(rq.project["project_id"]) {
				return conflict("the project member already exists")
			}
		}
		delete(member, "member_user")
		delete(member, "creation_time")
		member["entity_id"], member["entity_name"], member["entity_type"] = user["user_id"], user["username"], "u"
	}
	if role < 1 || int(role) >= len(roleNames) {
		return badRequest("Failed to update/create project member with invalid role")
	}
	delete(member, "update_time")
	member["role_name"] = roleNames[role]
	return nil
}

// checkGroup knows OpenID Connect's groups, which are made by naming them; LDAP's need a directory.
func checkGroup(rq *request, w *change, member, asked doc) error {
	if rq.setting("auth_mode") != "oidc_auth" || number(asked["group_type"]) != 3 {
		return badRequest("group_type %d does not fit the auth mode %s", number(asked["group_type"]), text(rq.setting("auth_mode")))
	}
	name := text(asked["group_name"])
	if name == "" {
		return badRequest("group_name required in body")
	}
	for _, other := range w.find("members", "entity_name", name) {
		if text(other["entity_type"]) == "g" && number(other["project_id"]) == number(rq.project["project_id"]) {
			return conflict("the project member already exists")
		}
	}
	delete(member, "member_group")
	delete(member, "creation_time")
	member["entity_id"], member["entity_name"], member["entity_type"] = 1000+int64(len(rq.store.all("members"))), name, "g"
	return nil
}

// deleteMember is no fault for one that is gone, unlike elsewhere.
func deleteMember(rq *request) (any, error) {
	return nil, rq.store.change(func(w *change) error {
		if _, id, err := rq.chosen(); err == nil {
			w.drop("members", id)
		}
		return nil
	})
}

// quotas are the newest first, of what reference and reference_id say.
func quotas(rq *request) ([]doc, error) {
	asked := rq.http.URL.Query()
	found := rq.store.all("quotas")
	if id := asked.Get("reference_id"); id != "" {
		found = rq.store.find("quotas", "_ref", id)
	}
	if kind := asked.Get("reference"); kind != "" && kind != "project" {
		found = nil
	}
	slices.Reverse(found)
	return found, nil
}

func checkQuota(rq *request, _ *change, quota, _ doc) error {
	wanted := fields(rq.body["hard"])
	if len(wanted) == 0 {
		return badRequest("hard required in body")
	}
	storage := number(wanted["storage"])
	if storage == 0 || storage < -1 {
		return badRequest("invalid non-positive value for quota limit, value=%d", storage)
	}
	quota["hard"] = doc{"storage": storage}
	return nil
}

// quota is a project's.
func (c *core) quota(project doc) doc { return c.store.one("quotas", "_ref", project["project_id"]) }
