package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"path"
	"slices"
	"time"
)

// tell sends a push to the project's listeners, once and to http targets only: upstream tries again, and knows more.
func (c *core) tell(project doc, repository, reference, digest string) {
	for _, policy := range c.store.find("policies", "project_id", project["project_id"]) {
		wanted := slices.ContainsFunc(list(policy["event_types"]), func(event any) bool { return event == "PUSH_ARTIFACT" })
		if !yes(policy["enabled"]) || !wanted {
			continue
		}
		body, err := json.Marshal(doc{"type": "PUSH_ARTIFACT", "occur_at": time.Now().Unix(), "event_data": doc{
			"resources":  []doc{{"digest": digest, "tag": reference}},
			"repository": doc{"name": path.Base(repository), "namespace": project["name"], "repo_full_name": repository}}})
		if err != nil {
			c.say("ERROR", "webhook: %v", err)
			continue
		}
		for _, target := range list(policy["targets"]) {
			go c.send(text(fields(target)["address"]), text(fields(target)["auth_header"]), body)
		}
	}
}

func (c *core) send(address, header string, body []byte) {
	asked, err := http.NewRequest(http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		c.say("ERROR", "webhook: %v", err)
		return
	}
	asked.Header.Set("Content-Type", "application/json")
	if header != "" {
		asked.Header.Set("Authorization", header)
	}
	answer, err := c.client.Do(asked)
	if err != nil {
		c.say("ERROR", "webhook: %v", err)
		return
	}
	answer.Body.Close()
}
