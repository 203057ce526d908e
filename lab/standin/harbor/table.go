package main

import (
	_ "embed"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"gopkg.in/yaml.v2"
)

//go:embed api.yaml
var tableText []byte

// table is api.yaml: the calls that are answered, the kinds of documents, the keys of the configuration.
type table struct {
	Kinds         map[string]kind
	Calls         []*call
	Configuration map[string]setting
	Actions       map[string][]string
}

// kind is a sort of document: the field of its number, and those by which it is looked for.
type kind struct {
	ID    string
	Index []string
}

// call is one of Harbor's calls. Types are JSON schema's names, fields in turn, or a list of one type.
type call struct {
	Method, Path string
	Statuses     []int
	Query        map[string]string
	Body, Answer any
	// Does is what answers it, in actions; Kind is whose documents, for those that are general.
	Does, Kind string
	// Who may: anyone, user, admin; or, of the call's project: see, read, write, manage.
	Who string
}

func readTable() (*table, error) {
	read := &table{}
	if err := yaml.UnmarshalStrict(tableText, read); err != nil {
		return nil, fmt.Errorf("api.yaml: %w", err)
	}
	for _, c := range read.Calls {
		if actions[c.Does] == nil {
			return nil, fmt.Errorf("api.yaml: %s %s: nothing does %q", c.Method, c.Path, c.Does)
		}
	}
	return read, nil
}

// find is the call that a request is for, and what stands in its path. A path in the table that has no
// parameter there comes before one that has.
func (t *table) find(method, path string) (*call, map[string]string) {
	parts := strings.Split(path, "/")
	var best *call
	var values map[string]string
	for _, c := range t.Calls {
		if c.Method != method {
			continue
		}
		if found, fits := c.fits(parts); fits && (best == nil || len(found) < len(values)) {
			best, values = c, found
		}
	}
	return best, values
}

func (c *call) fits(parts []string) (map[string]string, bool) {
	wanted := strings.Split(c.Path, "/")
	if len(wanted) != len(parts) {
		return nil, false
	}
	values := map[string]string{}
	for at, part := range wanted {
		if strings.HasPrefix(part, "{") {
			// repositories with a slash in their name are encoded twice: once is done already
			value, err := url.PathUnescape(parts[at])
			if err != nil || value == "" {
				return nil, false
			}
			values[strings.Trim(part, "{}")] = value
		} else if part != parts[at] {
			return nil, false
		}
	}
	return values, true
}

// refuses is Harbor's answer to parameters or a body of a wrong type; nil when they are right.
func (c *call) refuses(query url.Values, body any) error {
	for name, kind := range c.Query {
		value := query.Get(name)
		if _, err := strconv.ParseInt(value, 10, 64); value != "" && kind == "integer" && err != nil {
			return unprocessable(fmt.Sprintf("%s in query must be of type int64: %q", name, value))
		}
	}
	if size, _ := strconv.Atoi(query.Get("page_size")); c.Query["page_size"] != "" && size > 100 {
		return unprocessable("page_size in query should be less than or equal to 100")
	}
	if c.Body == nil {
		return nil
	}
	if body == nil {
		return unprocessable("body in body is required")
	}
	return wrongType("body", c.Body, body)
}

func unprocessable(words string) error {
	return fault{http.StatusUnprocessableEntity, "UNPROCESSABLE_ENTITY", "validation failure list:\n" + words}
}

// wrongType looks for a value that has not the table's type. Fields that the table has not are let through.
func wrongType(where string, wanted, value any) error {
	if value == nil {
		return nil
	}
	right := true
	switch wanted := wanted.(type) {
	case string:
		right = isA(wanted, value)
	case []any:
		var items []any
		items, right = value.([]any)
		for _, item := range items {
			if err := wrongType(where+"[]", wanted[0], item); err != nil {
				return err
			}
		}
	case map[any]any:
		var fields doc
		fields, right = value.(doc)
		for name, inner := range wanted {
			if err := wrongType(fmt.Sprintf("%s.%s", where, name), inner, fields[name.(string)]); err != nil {
				return err
			}
		}
	}
	if !right {
		return unprocessable(fmt.Sprintf("parsing body from \"\" failed, because %s is not of type %v", where, wanted))
	}
	return nil
}

func isA(kind string, value any) bool {
	right := false
	switch kind {
	case "string":
		_, right = value.(string)
	case "boolean":
		_, right = value.(bool)
	case "integer":
		number, isNumber := value.(float64)
		right = isNumber && number == math.Trunc(number)
	case "object":
		_, right = value.(doc)
	}
	return right
}
