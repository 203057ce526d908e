package main

import "slices"

// Harbor's roles, by number.
var roleNames = []string{"", "projectAdmin", "developer", "guest", "maintainer", "limitedGuest"}

func showMember(rq *request, member doc) doc {
	found := shown(member)
	if member["entity_type"] == "g" {
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
	if old == nil {
		if err := rq.entity(w, member); err != nil {
			return err
		}
		for _, other := range w.find("members", "entity_id", member["entity_id"]) {
			if other["entity_type"] == member["entity_type"] && number(other["project_id"]) == number(rq.project["project_id"]) {
				return conflict("The project member specified already exist")
			}
		}
	}
	if role < 1 || int(role) >= len(roleNames) {
		return badRequest("Failed to update project member, role is not in 1,2,3")
	}
	delete(member, "update_time")
	member["role_name"] = roleNames[role]
	return nil
}

// entity says who a new member is: a user, or a group.
func (rq *request) entity(w *change, member doc) error {
	asked, group := fields(rq.body["member_user"]), fields(rq.body["member_group"])
	for _, field := range []string{"member_user", "member_group", "creation_time"} {
		delete(member, field)
	}
	if len(group) > 0 {
		id, name, err := rq.group(w, group)
		member["entity_id"], member["entity_name"], member["entity_type"] = id, name, "g"
		return err
	}
	user := rq.store.one("users", "username", asked["username"])
	if id := number(asked["user_id"]); id != 0 {
		user = rq.store.get("users", id)
	}
	if user == nil {
		return notFound("user %s is not found", text(asked["username"]))
	}
	member["entity_id"], member["entity_name"], member["entity_type"] = user["user_id"], user["username"], "u"
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
