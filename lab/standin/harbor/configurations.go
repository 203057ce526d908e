package main

import (
	"fmt"
	"slices"
	"strings"
)

// setting is a key of the configuration: its type by its default. Options are all that it may be.
type setting struct {
	Value   any
	Options []string
}

var (
	untold = []string{"ldap_search_password", "oidc_client_secret", "uaa_client_secret"}
	// what may not be empty
	filled   = []string{"ldap_base_dn", "ldap_uid", "ldap_url"}
	positive = []string{"token_expiration", "robot_token_duration", "session_timeout"}
)

func getConfigurations(rq *request) (any, error) { return configurations(rq), nil }

func configurations(rq *request) doc {
	found := doc{"scan_all_policy": doc{}}
	for key := range rq.table.Configuration {
		found[key] = doc{"value": rq.setting(key), "editable": true}
	}
	// a password is told to nobody
	for _, key := range untold {
		delete(found, key)
	}
	found["auth_mode"] = doc{"value": rq.setting("auth_mode"), "editable": onlyAdmin(rq)}
	return found
}

// onlyAdmin is whether there are no other users: only then another mode of logging in can be chosen.
func onlyAdmin(rq *request) bool { return len(rq.store.all("users")) <= 1 }

// putConfigurations ignores keys that it does not know, as Harbor does, and refuses other types.
func putConfigurations(rq *request) (any, error) {
	for key, value := range rq.body {
		known, is := rq.table.Configuration[key]
		if is {
			if err := known.refuses(key, value); err != nil {
				return nil, err
			}
		}
	}
	if mode, asked := rq.body["auth_mode"]; asked && mode != rq.setting("auth_mode") && !onlyAdmin(rq) {
		return nil, badRequest("the auth mode cannot be modified as new users have been inserted into database")
	}
	return nil, rq.store.change(func(w *change) error {
		for key, value := range rq.body {
			if _, known := rq.table.Configuration[key]; !known || value == nil {
				continue
			}
			kept := doc{"key": key, "value": value}
			if old := rq.store.one("settings", "key", key); old != nil {
				w.set("settings", number(old["id"]), with(old, kept))
			} else {
				w.add("settings", kept)
			}
		}
		return nil
	})
}

func (s setting) refuses(key string, value any) error {
	kind := map[string]string{"string": "string", "bool": "boolean", "int": "integer"}[fmt.Sprintf("%T", s.Value)]
	if err := wrongType(key, kind, value); err != nil {
		return err
	}
	if s.Options != nil && !slices.Contains(s.Options, text(value)) {
		return badRequest("bad request: item name %s: invalid %s, shoud be one of %v", key, key, s.Options)
	}
	if slices.Contains(positive, key) && number(value) <= 0 {
		return badRequest("the %s value must be positive", key)
	}
	if slices.Contains(filled, key) && strings.TrimSpace(text(value)) == "" {
		return badRequest("item name %s: the configure value can not be empty", key)
	}
	return nil
}
