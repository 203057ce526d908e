package main

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

var events = []string{"PUSH_ARTIFACT", "PULL_ARTIFACT", "DELETE_ARTIFACT", "QUOTA_EXCEED", "QUOTA_WARNING",
	"SCANNING_FAILED", "SCANNING_STOPPED", "SCANNING_COMPLETED", "REPLICATION", "TAG_RETENTION"}

func init() {
	rules["labels"] = rule{word: "label", among: labels, check: checkLabel}
	rules["policies"] = rule{word: "notification policy", check: checkWebhook}
	rules["immutable"] = rule{word: "immutable rule", check: checkImmutable}
	rules["retentions"] = rule{word: "retention policy"}
}

func labels(rq *request) ([]doc, error) {
	asked := rq.http.URL.Query()
	scope, found := asked.Get("scope"), []doc{}
	if scope != "g" && scope != "p" {
		return nil, badRequest("invalid scope: %s", scope)
	}
	for _, label := range rq.store.all("labels") {
		inProject := scope == "g" || number(label["project_id"]) == number(asked.Get("project_id"))
		if label["scope"] == scope && inProject && strings.Contains(text(label["name"]), asked.Get("name")) {
			found = append(found, label)
		}
	}
	return found, nil
}

func checkLabel(rq *request, _ *change, label, old doc) error {
	if utf8.RuneCountInString(text(label["name"])) > 128 {
		return errors.New("value too long for type character varying(128)")
	}
	if scope := label["scope"]; scope != "g" && scope != "p" {
		return badRequest("unsupported label scope")
	}
	if label["scope"] == "p" {
		project := rq.store.get("projects", number(label["project_id"]))
		if project == nil {
			return notFound("project %s not found", text(label["project_id"]))
		}
		if !rq.may(rq.who, project, "write") {
			return forbidden("forbidden")
		}
	} else if !rq.who.admin() {
		return forbidden("forbidden")
	}
	return rq.alone("labels", label, old, func(other doc) bool {
		return other["name"] == label["name"] && other["scope"] == label["scope"] &&
			number(other["project_id"]) == number(label["project_id"])
	}, "label "+text(label["name"])+" already exists")
}

// alone is a conflict with another document of the kind.
func (rq *request) alone(kind string, value, old doc, same func(doc) bool, words string) error {
	for _, other := range rq.store.all(kind) {
		if same(other) && (old == nil || number(other["id"]) != number(old["id"])) {
			return conflict("%s", words)
		}
	}
	return nil
}

func checkWebhook(rq *request, _ *change, policy, old doc) error {
	name := text(policy["name"])
	if len(list(policy["targets"])) == 0 {
		return badRequest("empty notification target with policy %s", name)
	}
	targets := []any{}
	for _, target := range list(policy["targets"]) {
		found := fields(target)
		if kind := text(found["type"]); kind != "http" && kind != "slack" {
			return badRequest("unsupported target type %s with policy %s", kind, name)
		}
		if text(found["address"]) == "" {
			return badRequest("empty notification target address with policy %s", name)
		}
		if text(found["payload_format"]) == "" && found["type"] == "http" {
			found = with(found, doc{"payload_format": "Default"})
		}
		targets = append(targets, found)
	}
	policy["targets"] = targets
	if len(list(policy["event_types"])) == 0 {
		return badRequest("empty event type")
	}
	for _, event := range list(policy["event_types"]) {
		if !slices.Contains(events, text(event)) {
			return badRequest("unsupported event type %s", text(event))
		}
	}
	return rq.alone("policies", policy, old, func(other doc) bool {
		return other["name"] == name && number(other["project_id"]) == number(rq.project["project_id"])
	}, "notification policy named "+name+" already exists")
}

func checkImmutable(rq *request, _ *change, rule, old doc) error {
	delete(rule, "creation_time")
	delete(rule, "update_time")
	rule["action"], rule["template"] = "immutable", "immutable_template"
	same := func(other doc) bool {
		return number(other["project_id"]) == number(rq.project["project_id"]) && selectors(other) == selectors(rule)
	}
	return rq.alone("immutable", rule, old, same, "immutable rule already exists")
}

// selectors are what a rule is for, as text that can be compared.
func selectors(rule doc) string {
	found, _ := json.Marshal([]any{rule["tag_selectors"], rule["scope_selectors"]})
	return string(found)
}

// scheduled has jobservice know of a policy's times: without it, Harbor answers 500.
func (rq *request) scheduled(policy doc) error {
	trigger := fields(policy["trigger"])
	cron := text(fields(trigger["settings"])["cron"])
	if trigger["kind"] != "Schedule" || cron == "" {
		return nil
	}
	if err := cronFault(cron); err != nil {
		return badRequest("invalid cron string for scheduled tag retention: %s, error: %v", cron, err)
	}
	return rq.submit("RETENTION", cron)
}

// retentionProject is the project that a policy's scope names, when the caller may.
func (rq *request) retentionProject(policy doc) (doc, error) {
	id := number(fields(policy["scope"])["ref"])
	project := rq.store.get("projects", id)
	if project == nil {
		return nil, badRequest("bad request: invalid Project id %d", id)
	}
	if !rq.may(rq.who, project, "write") {
		return nil, forbidden("forbidden")
	}
	return project, nil
}

// ruleFault is what Harbor has against rules; nil for nothing. It compares them whole, but for their numbers.
func ruleFault(rules []any) error {
	if len(rules) > 15 {
		return badRequest("only 15 rules are allowed at most")
	}
	seen := map[string]int{}
	for at, rule := range rules {
		written, _ := json.Marshal(with(fields(rule), doc{"id": 0}))
		if other, is := seen[string(written)]; is {
			return conflict("rule %d is conflict with rule %d", at, other)
		}
		seen[string(written)] = at
	}
	return nil
}

func createRetention(rq *request) (any, error) {
	if err := ruleFault(list(rq.body["rules"])); err != nil {
		return nil, err
	}
	if err := rq.scheduled(rq.body); err != nil {
		return nil, err
	}
	var id int64
	err := rq.store.change(func(w *change) error {
		project, err := rq.retentionProject(rq.body)
		if err != nil {
			return err
		}
		metadata := fields(project["metadata"])
		if had := metadata["retention_id"]; had != nil {
			return badRequest("bad request: project %s already has retention policy %s",
				text(project["project_id"]), text(had))
		}
		id = w.add("retentions", with(rq.body, nil))
		metadata = with(metadata, doc{"retention_id": text(id)})
		w.set("projects", number(project["project_id"]), with(project, doc{"metadata": metadata}))
		return nil
	})
	return rq.madeAt(id), err
}

func updateRetention(rq *request) (any, error) {
	if err := ruleFault(list(rq.body["rules"])); err != nil {
		return nil, err
	}
	if err := rq.scheduled(rq.body); err != nil {
		return nil, err
	}
	return nil, rq.store.change(func(w *change) error {
		old, id, err := rq.chosen()
		if err != nil {
			return err
		}
		if _, err := rq.retentionProject(old); err != nil {
			return err
		}
		w.set("retentions", id, with(rq.body, doc{"id": id}))
		return nil
	})
}

func deleteRetention(rq *request) (any, error) {
	return nil, rq.store.change(func(w *change) error {
		old, id, err := rq.chosen()
		if err != nil {
			return err
		}
		project, err := rq.retentionProject(old)
		if err != nil {
			return err
		}
		metadata := with(fields(project["metadata"]), nil)
		delete(metadata, "retention_id")
		w.set("projects", number(project["project_id"]), with(project, doc{"metadata": metadata}))
		w.drop("retentions", id)
		return nil
	})
}
