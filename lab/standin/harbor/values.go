package main

import (
	"fmt"
	"maps"
	"strconv"
	"time"
)

// text is a value as a key of an index or a part of a message.
func text(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case string:
		return value
	case float64:
		return strconv.FormatInt(int64(value), 10)
	}
	return fmt.Sprint(value)
}

// number is a value that may be a number of JSON, one of ours, or digits.
func number(value any) int64 {
	switch value := value.(type) {
	case float64:
		return int64(value)
	case int:
		return int64(value)
	case int64:
		return value
	case string:
		found, _ := strconv.ParseInt(value, 10, 64)
		return found
	}
	return 0
}

func yes(value any) bool {
	truth, _ := value.(bool)
	return truth
}

// fields is an object inside a document; empty when it is none.
func fields(value any) doc {
	found, _ := value.(doc)
	return found
}

func list(value any) []any {
	found, _ := value.([]any)
	return found
}

// with is a copy of a document with other fields.
func with(value doc, changed doc) doc {
	found := maps.Clone(value)
	if found == nil {
		found = doc{}
	}
	maps.Copy(found, changed)
	return found
}

func now() string { return time.Now().UTC().Format("2006-01-02T15:04:05.000Z") }

// made are the times of a new document.
func made() doc { return doc{"creation_time": now(), "update_time": now()} }

// shown is a document as it is answered: what begins with an underscore is ours only.
func shown(value doc) doc {
	found := doc{}
	for name, field := range value {
		if name[0] != '_' {
			found[name] = field
		}
	}
	return found
}
