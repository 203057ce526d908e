package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

const apiRoot = "/api/v2.0"

// fault is an answer that is none: Harbor's code and words.
type fault struct {
	status int
	code   string
	words  string
}

func (f fault) Error() string { return f.words }

func badRequest(format string, values ...any) error {
	return fault{http.StatusBadRequest, "BAD_REQUEST", fmt.Sprintf(format, values...)}
}

func notFound(format string, values ...any) error {
	return fault{http.StatusNotFound, "NOT_FOUND", fmt.Sprintf(format, values...)}
}

func conflict(format string, values ...any) error {
	return fault{http.StatusConflict, "CONFLICT", fmt.Sprintf(format, values...)}
}

func forbidden(words string) error { return fault{http.StatusForbidden, "FORBIDDEN", words} }

func precondition(format string, values ...any) error {
	return fault{http.StatusPreconditionFailed, "PRECONDITION", fmt.Sprintf(format, values...)}
}

var unauthorized = fault{http.StatusUnauthorized, "UNAUTHORIZED", "unauthorized"}

// request is a call that is under way.
type request struct {
	*core
	http    *http.Request
	out     http.ResponseWriter
	call    *call
	path    map[string]string
	body    doc
	who     identity
	project doc // whose call it is; nil for those of no project
}

// actions are what the table's calls do: the answer, an error that may be a fault, or neither.
var actions map[string]func(*request) (any, error)

// (in init: what answers a call needs the table, and the table is read against this)
func init() {
	actions = map[string]func(*request) (any, error){
		"ping": ping, "health": health, "systeminfo": systemInfo, "internalconfig": internalConfig,
		"list": listKind, "get": getOne, "create": createOne, "update": updateOne, "delete": deleteOne,
		"currentUser": currentUser, "createUser": createUser, "changePassword": changePassword,
		"projectExists": projectExists, "listProjects": listProjects, "createProject": createProject,
		"getProject": getProject, "updateProject": updateProject, "deleteProject": deleteProject,
		"createRobot": createRobot, "robotSecret": robotSecret, "updateRobot": updateRobot, "deleteRobot": deleteRobot,
		"deleteMember": deleteMember, "deleteGroup": deleteGroup, "getConfigurations": getConfigurations, "putConfigurations": putConfigurations,
		"createRetention": createRetention, "updateRetention": updateRetention, "deleteRetention": deleteRetention,
		"getSchedule": getSchedule, "putSchedule": putSchedule, "listArtifacts": listArtifacts,
		"getArtifact": getArtifact, "deleteArtifact": deleteArtifact,
		"getRepository": getRepository, "deleteRepository": deleteRepository,
	}
}

// created is an answer that says where something new is, with a body or without one.
type created struct {
	place string
	body  any
}

// api answers everything below /api/v2.0.
func (c *core) api(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Request-Id", random(16))
	answer, status, err := c.act(w, r)
	if err != nil {
		c.refuse(w, err)
		return
	}
	if place, is := answer.(created); is {
		w.Header().Set("Location", place.place)
		answer = place.body
	}
	if answer == nil {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(answer)
}

func (c *core) act(w http.ResponseWriter, r *http.Request) (any, int, error) {
	path := strings.TrimPrefix(r.URL.Path, apiRoot)
	call, values := c.table.find(r.Method, path)
	if call == nil {
		return nil, 0, fault{http.StatusNotImplemented, "NOT_IMPLEMENTED",
			fmt.Sprintf("%s %s: the lab's stand-in has no such call", r.Method, path)}
	}
	rq := &request{core: c, http: r, out: w, call: call, path: values}
	var err error
	if rq.who, err = c.identify(w, r); err != nil {
		return nil, 0, err
	}
	// health and ping are answered whatever the database does
	if call.Who != "anyone" || call.Kind != "" {
		if err := c.store.sync(); err != nil && rq.who.kind == "" {
			return nil, 0, unauthorized
		} else if err != nil {
			return nil, 0, err
		}
	}
	if err := rq.read(); err != nil {
		return nil, 0, err
	}
	if err := rq.enter(); err != nil {
		return nil, 0, err
	}
	answer, err := actions[call.Does](rq)
	return answer, call.Statuses[0], err
}

// read takes the body, and refuses what the table does not know.
func (rq *request) read() error {
	text, err := io.ReadAll(http.MaxBytesReader(rq.out, rq.http.Body, 8<<20))
	if err != nil {
		return badRequest("%v", err)
	}
	var body any
	if rq.call.Body != nil && len(strings.TrimSpace(string(text))) > 0 {
		if err := json.Unmarshal(text, &body); err != nil {
			return unprocessable(fmt.Sprintf("parsing body from \"\" failed, because %v", err))
		}
		rq.body, _ = body.(doc)
	}
	return rq.call.refuses(rq.http.URL.Query(), body)
}

// enter is no error for those who may.
func (rq *request) enter() error {
	switch rq.call.Who {
	case "anyone":
		return nil
	case "internal":
		if rq.who.kind != "internal" {
			return fault{http.StatusUnauthorized, "UNAUTHORIZED", "only internal service is allowed to call this API"}
		}
		return nil
	case "user":
		return rq.denied(rq.who.kind != "")
	case "admin":
		return rq.denied(rq.who.admin())
	}
	return rq.ofProject()
}

// denied is no error for those who may; who is logged in may not, nobody must log in.
func (rq *request) denied(may bool) error {
	switch {
	case may:
		return nil
	case rq.who.kind == "":
		return unauthorized
	}
	return forbidden("forbidden")
}

func (rq *request) ofProject() error {
	name := rq.path["project_name_or_id"]
	if name == "" {
		name = rq.path["project_name"]
	}
	rq.project = rq.projectNamed(name)
	if rq.project == nil {
		if rq.who.kind == "" {
			return unauthorized
		}
		return notFound("project %s not found", name)
	}
	return rq.denied(rq.may(rq.who, rq.project, rq.call.Who))
}

// refuse answers an error as Harbor does; what is no fault is its own, and not told.
func (c *core) refuse(w http.ResponseWriter, err error) {
	var known fault
	if !errors.As(err, &known) {
		c.say("ERROR", "%v", err)
		known = fault{http.StatusInternalServerError, "UNKNOWN", "internal server error"}
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(known.status)
	json.NewEncoder(w).Encode(doc{"errors": []doc{{"code": known.code, "message": known.words}}})
}

// madeAt says where something new is: below the call's own path.
func (rq *request) madeAt(id any) created {
	return created{place: strings.TrimSuffix(rq.http.URL.Path, "/") + "/" + text(id)}
}

// id is the number in a path.
func (rq *request) id(name string) int64 {
	found, _ := strconv.ParseInt(rq.path[name], 10, 64)
	return found
}
