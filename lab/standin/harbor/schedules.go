package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
)

const (
	cronRange = `[0-9A-Za-z]+(-[0-9A-Za-z]+)?`
	mostHours = 240000
)

var (
	crons     = map[string]string{"Hourly": "0 0 * * * *", "Daily": "0 0 0 * * *", "Weekly": "0 0 0 * * 0"}
	cronField = regexp.MustCompile(`^(\*|\?|` + cronRange + `)(/\d+)?(,` + cronRange + `(/\d+)?)*$`)
)

// cronFault is what Harbor has against a line of six fields; nil for nothing.
func cronFault(cron string) error {
	parts := strings.Fields(cron)
	if len(parts) != 6 {
		return fmt.Errorf("expected exactly 6 fields, found %d: %v", len(parts), parts)
	}
	for _, part := range parts {
		if !cronField.MatchString(part) {
			return fmt.Errorf("failed to parse %s", part)
		}
	}
	if parts[0] != "0" {
		return errors.New("the 1st field (indicating Seconds of time) of the cron setting must be 0")
	}
	return nil
}

// submit gives jobservice a job.
func (c *core) submit(name, cron string) error {
	job := doc{"name": name, "metadata": doc{"cron_spec": cron}}
	return c.ask("POST", c.get("JOBSERVICE_URL")+"/api/v1/jobs", doc{"job": job})
}

// scheduleOf is what a call's path is about: gc or scanAll.
func (rq *request) scheduleOf() string { return path.Base(path.Dir(rq.call.Path)) }

// getSchedule answers with nothing at all when there is none.
func getSchedule(rq *request) (any, error) {
	if err := rq.scans(rq.scheduleOf()); err != nil {
		return nil, err
	}
	found := rq.store.one("schedules", "_of", rq.scheduleOf())
	if found == nil {
		return nil, nil
	}
	return shown(found), nil
}

// scans is whether somebody does what a schedule is for.
func (rq *request) scans(of string) error {
	if of == "scanAll" && rq.get("WITH_TRIVY") != "true" {
		return precondition("no scanner is configured, it's not possible to scan")
	}
	return nil
}

// putSchedule makes the schedule anew, with another number, however it was.
func putSchedule(rq *request) (any, error) {
	of, wanted := rq.scheduleOf(), fields(rq.body["schedule"])
	if err := rq.scans(of); err != nil {
		return nil, err
	}
	if of == "purgeaudit" {
		if err := purges(fields(rq.body["parameters"])); err != nil {
			return nil, err
		}
	}
	kind, cron := text(wanted["type"]), text(wanted["cron"])
	switch kind {
	case "Hourly", "Daily", "Weekly":
		cron = crons[kind]
	case "Custom", "Schedule":
		if err := cronFault(cron); err != nil {
			return nil, badRequest("invalid cron string for scheduled gc: %s, error: %v", cron, err)
		}
	case "None":
	case "Manual":
		return nil, rq.submit(of, "")
	default:
		return nil, unprocessable("schedule.type in body should be one of [Hourly Daily Weekly Custom Manual None Schedule]")
	}
	if kind != "None" {
		if err := rq.submit(of, cron); err != nil {
			return nil, err
		}
	}
	return nil, rq.store.change(func(w *change) error {
		for _, old := range rq.store.find("schedules", "_of", of) {
			w.drop("schedules", number(old["id"]))
		}
		if kind == "None" {
			return nil
		}
		w.add("schedules", with(made(), doc{"_of": of, "job_kind": cron, "job_status": "Running",
			"schedule": doc{"type": kind, "cron": cron}, "job_parameters": rq.jobParameters(of)}))
		return nil
	})
}

// purges is Harbor's look at what is deleted of the audit log.
func purges(parameters doc) error {
	if len(parameters) == 0 {
		return badRequest("schedule parameter cann't be empty")
	}
	for _, name := range []string{"audit_retention_hour", "include_event_types"} {
		if _, given := parameters[name]; !given {
			return badRequest("%s should provide", name)
		}
	}
	if number(parameters["audit_retention_hour"]) > mostHours {
		return badRequest("audit_retention_hour should be less than %d", mostHours)
	}
	return nil
}

// jobParameters is a text of JSON: for the garbage collector with a key more than was put, and one less.
func (rq *request) jobParameters(of string) string {
	put := fields(rq.body["parameters"])
	kept := doc{}
	switch of {
	case "purgeaudit":
		kept = put
	case "gc":
		kept = doc{"delete_tag": yes(put["delete_tag"]), "delete_untagged": yes(put["delete_untagged"]),
			"workers": number(put["workers"])}
	}
	written, err := json.Marshal(kept)
	if err != nil {
		panic(err) // what came from JSON goes back to it
	}
	return string(written)
}
