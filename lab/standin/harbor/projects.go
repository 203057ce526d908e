package main

import (
	"maps"
	"regexp"
	"strconv"
)

var projectName = regexp.MustCompile(`^[a-z0-9]+(?:[._-][a-z0-9]+)*$`)

// The policy that Harbor gives a proxy cache by itself, in days.
const proxyCacheDays = 7

func init() {
	rules["members"] = rule{word: "project member", check: checkMember, show: showMember}
	rules["quotas"] = rule{word: "quota", among: quotas, check: checkQuota}
}

func isPublic(project doc) bool { return text(fields(project["metadata"])["public"]) == "true" }

// projectNamed is the one of a name or a number; nil for none.
func (c *core) projectNamed(name string) doc {
	if found := c.store.one("projects", "name", name); found != nil {
		return found
	}
	id, err := strconv.ParseInt(name, 10, 64)
	if err != nil {
		return nil
	}
	return c.store.get("projects", id)
}

func projectExists(rq *request) (any, error) {
	name := rq.http.URL.Query().Get("project_name")
	if rq.store.one("projects", "name", name) == nil {
		return nil, notFound("project %s not found", name)
	}
	return nil, nil
}

func listProjects(rq *request) (any, error) {
	found := []doc{}
	asked := rq.http.URL.Query()
	for _, project := range rq.store.all("projects") {
		public := asked.Get("public")
		if name := asked.Get("name"); name != "" && !must(pattern("~"+name))(text(project["name"])) {
			continue
		}
		if (public == "" || public == strconv.FormatBool(isPublic(project))) && rq.may(rq.who, project, "see") {
			found = append(found, project)
		}
	}
	return rq.listed(found, rq.showProject)
}

func must[T any](value T, _ error) T { return value }

func getProject(rq *request) (any, error) { return rq.showProject(rq.project), nil }

func (rq *request) showProject(project doc) doc {
	role := int64(0)
	if rq.who.kind == "user" {
		if role = rq.role(rq.who.doc, project); role == 0 && rq.who.admin() {
			role = 1
		}
	}
	return with(shown(project), doc{"current_user_role_id": role,
		"repo_count": len(rq.store.find("repositories", "project_id", project["project_id"]))})
}

func createProject(rq *request) (any, error) {
	name, metadata := text(rq.body["project_name"]), maps.Clone(fields(rq.body["metadata"]))
	if !rq.who.admin() && (rq.who.kind != "user" || text(rq.setting("project_creation_restriction")) == "adminonly") {
		return nil, forbidden("Only system admin can create project")
	}
	switch {
	case name == "" || len(name) > 255:
		return nil, badRequest("Project name %s is illegal in length. (greater than 255 or less than 1)", name)
	case !projectName.MatchString(name):
		return nil, badRequest("project name is not in lower case or contains illegal characters")
	}
	if metadata == nil {
		metadata = doc{}
	}
	if public, given := metadata["public"]; !given {
		metadata["public"] = strconv.FormatBool(yes(rq.body["public"]))
	} else if public != "true" && public != "false" {
		return nil, badRequest("metadata.public should only be 'true' or 'false', but got: '%s'", text(public))
	}
	delete(metadata, "retention_id")
	limit := number(rq.body["storage_limit"])
	if limit == 0 || !rq.who.admin() {
		limit = number(rq.setting("storage_per_project"))
	}
	perProject := yes(rq.setting("quota_per_project_enable"))
	var id int64
	err := rq.store.change(func(w *change) error {
		if rq.store.one("projects", "name", name) != nil {
			return conflict("The project named %s already exists", name)
		}
		registry := number(rq.body["registry_id"])
		if registry != 0 {
			found := rq.store.get("registries", registry)
			if found == nil {
				return notFound("registry %d not found", registry)
			}
			if err := rq.cached(found); err != nil {
				return err
			}
		}
		id = rq.addProject(w, name, metadata, number(rq.who.doc["user_id"]), rq.who.name)
		if perProject {
			w.addQuota(id, name, limit)
		}
		// an allowlist is taken only by a change
		w.amend("projects", id, func(project doc) { project["cve_allowlist"] = doc{"project_id": id, "items": []any{}} })
		if registry != 0 {
			rq.cache(w, id, registry)
		}
		return nil
	})
	return rq.madeAt(id), err
}

// addProject stores a project with its owner's membership.
func (c *core) addProject(w *change, name string, metadata doc, owner int64, ownerName string) int64 {
	project := with(made(), doc{"name": name, "metadata": metadata, "owner_id": owner, "owner_name": ownerName})
	id := w.add("projects", project)
	w.add("members", doc{"project_id": id, "entity_id": owner, "entity_name": ownerName, "entity_type": "u",
		"role_id": 1, "role_name": roleNames[1]})
	return id
}

func (w *change) addQuota(project int64, name string, limit int64) {
	w.add("quotas", with(made(), doc{"ref": doc{"id": project, "name": name, "owner_name": ""}, "_ref": project,
		"hard": doc{"storage": limit}, "used": doc{"storage": 0}}))
}

// allowlist keeps the vulnerabilities that a call names; one that names none leaves them.
func (rq *request) allowlist(project doc) {
	items := []any{}
	if wanted, given := rq.body["cve_allowlist"]; given {
		items = append(items, list(fields(wanted)["items"])...)
	} else if had := fields(project["cve_allowlist"]); had != nil {
		return
	}
	project["cve_allowlist"] = doc{"project_id": project["project_id"], "items": items}
}

// cache makes the project that was just added one of another registry, with the policy that Harbor adds.
func (c *core) cache(w *change, id, registry int64) {
	everything := func(decoration string) []doc {
		return []doc{{"kind": "doublestar", "decoration": decoration, "pattern": "**"}}
	}
	policy := w.add("retentions", doc{"algorithm": "or", "scope": doc{"level": "project", "ref": id},
		"trigger": doc{"kind": "Schedule", "settings": doc{"cron": "0 0 0 * * *"}},
		"rules": []doc{{"id": 1, "priority": 1, "action": "retain", "template": "nDaysSinceLastPull",
			"params": doc{"nDaysSinceLastPull": proxyCacheDays}, "tag_selectors": everything("matches"),
			"scope_selectors": doc{"repository": everything("repoMatches")}}}})
	w.amend("projects", id, func(project doc) {
		project["registry_id"] = registry
		fields(project["metadata"])["retention_id"] = text(policy)
	})
}

func updateProject(rq *request) (any, error) {
	return nil, rq.store.change(func(w *change) error {
		id := number(rq.project["project_id"])
		old := rq.store.get("projects", id)
		if old == nil {
			return notFound("project %d not found", id)
		}
		metadata := fields(old["metadata"])
		if wanted, given := fields(rq.body["metadata"])["retention_id"]; given && wanted != metadata["retention_id"] {
			return badRequest("the retention_id in the request's payload should be omitted, or the present one")
		}
		changed := with(old, doc{"metadata": with(metadata, fields(rq.body["metadata"])), "update_time": now()})
		rq.allowlist(changed)
		w.set("projects", id, changed)
		return nil
	})
}

func deleteProject(rq *request) (any, error) {
	return nil, rq.store.change(func(w *change) error {
		id := rq.project["project_id"]
		if len(rq.store.find("repositories", "project_id", id)) > 0 {
			return precondition("the project contains repositories, can not be deleted")
		}
		for kind, field := range map[string]string{"members": "project_id", "robots": "_project", "quotas": "_ref",
			"labels": "project_id", "policies": "project_id", "immutable": "project_id"} {
			for _, found := range rq.store.find(kind, field, id) {
				w.drop(kind, number(found["id"]))
			}
		}
		if policy := fields(rq.project["metadata"])["retention_id"]; policy != nil {
			w.drop("retentions", number(policy))
		}
		w.drop("projects", number(id))
		return nil
	})
}
