package main

import (
	"regexp"
	"strings"
)

// Harbor's numbers of groups' kinds.
const ldapGroup, oidcGroup = 1, 3

// dn is a name in a directory: what its first part says is what Harbor calls the group.
var dn = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*=([^,=+]+)(,[^,=]+=[^,=]+)*$`)

func init() {
	rules["usergroups"] = rule{word: "user group", among: groups}
}

func groups(rq *request) ([]doc, error) {
	found := []doc{}
	for _, group := range rq.store.all("usergroups") {
		if rq.setting("auth_mode") != "ldap_auth" || number(group["group_type"]) == ldapGroup {
			found = append(found, group)
		}
	}
	return found, nil
}

// group is the number and the name of the one that is asked for, which is made when nobody named it before.
// There is no directory here: every DN is somebody's.
func (rq *request) group(w *change, asked doc) (int64, string, error) {
	place, name := text(asked["ldap_group_dn"]), text(asked["group_name"])
	switch mode := rq.setting("auth_mode"); {
	case mode == "ldap_auth" && place != "":
		return w.ldapGroup(place)
	case mode == "oidc_auth" && name != "" && number(asked["group_type"]) == oidcGroup:
		for _, group := range w.find("usergroups", "group_name", name) {
			if number(group["group_type"]) == oidcGroup {
				return number(group["id"]), name, nil
			}
		}
		return w.addGroup(name, "", oidcGroup), name, nil
	}
	return 0, "", badRequest("no group of type %d under the auth mode %s", number(asked["group_type"]),
		text(rq.setting("auth_mode")))
}

// ldapGroup keeps a DN in small letters, and calls the group by another name.
func (w *change) ldapGroup(place string) (int64, string, error) {
	parts := dn.FindStringSubmatch(place)
	if parts == nil {
		return 0, "", badRequest("the LDAP group DN is invalid")
	}
	place = strings.ToLower(strings.TrimSpace(place))
	if group := w.one("usergroups", "ldap_group_dn", place); group != nil {
		return number(group["id"]), text(group["group_name"]), nil
	}
	name := parts[1]
	if w.one("usergroups", "group_name", name) != nil {
		name = place
	}
	return w.addGroup(name, place, ldapGroup), name, nil
}

func (w *change) addGroup(name, place string, kind int) int64 {
	return w.add("usergroups", doc{"group_name": name, "ldap_group_dn": place, "group_type": kind})
}

// deleteGroup takes the group out of every project.
func deleteGroup(rq *request) (any, error) {
	return nil, rq.store.change(func(w *change) error {
		id := rq.id("group_id")
		for _, member := range w.find("members", "entity_id", id) {
			if member["entity_type"] == "g" {
				w.drop("members", number(member["id"]))
			}
		}
		if w.get("usergroups", id) != nil {
			w.drop("usergroups", id)
		}
		return nil
	})
}
