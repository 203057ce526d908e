package main

import (
	"encoding/json"
	"net/url"
	"testing"
)

func TestTypes(t *testing.T) {
	read, err := readTable()
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range []struct {
		method, path, query, body string
		right                     bool
	}{
		{"POST", "/projects", "", `{"project_name":"a","metadata":{"public":"true"}}`, true},
		{"POST", "/projects", "", `{"project_name":"a","metadata":{"public":true}}`, false},
		{"POST", "/projects", "", `{"project_name":1}`, false},
		{"POST", "/projects", "", `{"project_name":"a","storage_limit":1.5}`, false},
		{"POST", "/projects", "", `{"project_name":"a","storage_limit":null,"other":[1]}`, true},
		{"POST", "/projects", "", `[]`, false},
		{"POST", "/robots", "", `{"permissions":[{"access":[{"resource":"repository","action":"pull"}]}]}`, true},
		{"POST", "/robots", "", `{"permissions":[{"access":[{"resource":"repository","action":1}]}]}`, false},
		{"POST", "/robots", "", `{"permissions":{}}`, false},
		{"PUT", "/system/gc/schedule", "", `{"parameters":{"workers":1}}`, true},
		{"PUT", "/system/gc/schedule", "", `{"parameters":"x"}`, false},
		{"GET", "/projects", "page_size=100", "", true},
		{"GET", "/projects", "page_size=101", "", false},
		{"GET", "/projects", "page=one", "", false},
	} {
		call, _ := read.find(one.method, one.path)
		query, _ := url.ParseQuery(one.query)
		var body any
		if one.body != "" {
			if err := json.Unmarshal([]byte(one.body), &body); err != nil {
				t.Fatal(err)
			}
		}
		if err := call.refuses(query, body); (err == nil) != one.right {
			t.Errorf("%s %s %s %s: %v", one.method, one.path, one.query, one.body, err)
		}
	}
}

func TestPaths(t *testing.T) {
	read, err := readTable()
	if err != nil {
		t.Fatal(err)
	}
	for path, wanted := range map[string]string{
		"/users/current": "/users/current", "/users/3": "/users/{user_id}", "/users/3/x": "", "/users/": "",
		"/projects/a/repositories/b%2Fc/artifacts": "/projects/{project_name}/repositories/{repository_name}/artifacts",
	} {
		found := ""
		if call, _ := read.find("GET", path); call != nil {
			found = call.Path
		}
		if found != wanted {
			t.Errorf("%s: %q", path, found)
		}
	}
	_, values := read.find("GET", "/projects/a/repositories/b%2Fc")
	if values["repository_name"] != "b/c" {
		t.Error(values)
	}
}

func TestFilters(t *testing.T) {
	for q, fits := range map[string]map[string]bool{
		"name=a":       {"a": true, "ab": false},
		"name=~B":      {"abc": true, "ac": false},
		"name={a b}":   {"a": true, "b": true, "c": false},
		"name=[2~10]":  {"2": true, "10": true, "11": false},
		"name=[~10]":   {"-1": true, "11": false},
		`name=\~a`:     {"~a": true, "a": false},
		"name%3Dx%20y": {"x y": true},
	} {
		found, err := filters(q)
		if err != nil {
			t.Fatal(q, err)
		}
		for value, right := range fits {
			if found[0].field != "name" || found[0].fits(value) != right {
				t.Errorf("%s, %s: not %v", q, value, right)
			}
		}
	}
	for _, q := range []string{"name", "=a", "name=", "name=~", "name=[1", "name={a", "a=1,b"} {
		if _, err := filters(q); err == nil {
			t.Errorf("%s: no fault", q)
		}
	}
}

func TestCron(t *testing.T) {
	for cron, right := range map[string]bool{
		"0 0 0 * * *": true, "0 */5 1-3,7 ? JAN MON-FRI": true, "0 0 29 2 *": false, "1 0 0 * * *": false, "never": false, "": false,
		"0 0 0 * * * 2030": false, "0 0 0 ! * *": false,
	} {
		if err := cronFault(cron); (err == nil) != right {
			t.Errorf("%q: %v", cron, err)
		}
	}
}

func TestSizesForPeople(t *testing.T) {
	for bytes, words := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 1 << 30: "1.0 GiB"} {
		if found := size(bytes); found != words {
			t.Errorf("%d: %s", bytes, found)
		}
	}
}
