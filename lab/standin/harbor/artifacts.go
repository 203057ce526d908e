package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// blobsOf are a project's blobs with their sizes, each once.
func (c *core) blobsOf(project doc) map[string]int64 {
	found := map[string]int64{}
	for _, artifact := range c.store.find("artifacts", "project_id", project["project_id"]) {
		for _, blob := range list(artifact["_blobs"]) {
			found[text(fields(blob)["digest"])] = number(fields(blob)["size"])
		}
	}
	return found
}

// newIn is how much a manifest adds to a project.
func (c *core) newIn(project doc, body []byte) int64 {
	known, added := c.blobsOf(project), int64(0)
	for _, part := range append(readManifest(body).parts(), described{Digest: digestOf(body), Size: int64(len(body))}) {
		if _, has := known[part.Digest]; !has {
			added += part.Size
		}
	}
	return added
}

func digestOf(body []byte) string {
	sum := sha256.Sum256(body)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// room refuses what a project's quota has no room for, in Harbor's words.
func (c *core) room(project doc, added int64) error {
	quota := c.quota(project)
	hard, used := number(fields(quota["hard"])["storage"]), number(fields(quota["used"])["storage"])
	if quota == nil || hard < 0 || used+added <= hard {
		return nil
	}
	words := fmt.Sprintf("adding %s of storage resource, which when updated to current usage of %s "+
		"will exceed the configured upper limit of %s.", size(added), size(used), size(hard))
	return fault{http.StatusForbidden, "DENIED", words}
}

// size is a number of bytes for people: 1.0 KiB.
func size(bytes int64) string {
	value, units := float64(bytes), []string{"B", "KiB", "MiB", "GiB", "TiB"}
	for len(units) > 1 && value >= 1024 {
		value, units = value/1024, units[1:]
	}
	if units[0] == "B" {
		return fmt.Sprintf("%d B", bytes)
	}
	return fmt.Sprintf("%.1f %s", value, units[0])
}

// pushed stores what the registry took: the artifact, its tag, and how full the project is now.
func (c *core) pushed(project doc, repository, reference string, body []byte) error {
	digest, read := digestOf(body), readManifest(body)
	defer c.tell(project, repository, reference, digest)
	return c.store.change(func(w *change) error {
		c.repositoryOf(w, project, repository)
		var artifact doc
		for _, found := range c.store.find("artifacts", "repository_name", repository) {
			if found["digest"] == digest {
				artifact = found
			} else if !strings.Contains(reference, ":") {
				c.untag(w, found, reference)
			}
		}
		blobs, total := []doc{{"digest": digest, "size": len(body)}}, int64(len(body))
		for _, part := range read.parts() {
			blobs, total = append(blobs, doc{"digest": part.Digest, "size": part.Size}), total+part.Size
		}
		tags := list(artifact["tags"])
		if !strings.Contains(reference, ":") && !hasTag(artifact, reference) {
			tags = append(tags, doc{"name": reference, "push_time": now(), "immutable": false})
		}
		stored := doc{"digest": digest, "repository_name": repository, "project_id": project["project_id"],
			"type": "IMAGE", "manifest_media_type": read.MediaType, "media_type": mediaType(read), "size": total, "push_time": now(),
			"tags": tags, "_blobs": blobs}
		if artifact != nil {
			w.set("artifacts", number(artifact["id"]), with(artifact, stored))
		} else {
			w.add("artifacts", stored)
		}
		c.fill(w, project, c.newIn(project, body))
		return nil
	})
}

func mediaType(read manifest) string {
	if read.Config != nil {
		return read.Config.MediaType
	}
	return read.MediaType
}

func hasTag(artifact doc, name string) bool {
	return slices.ContainsFunc(list(artifact["tags"]), func(tag any) bool { return fields(tag)["name"] == name })
}

// untag takes a tag from an artifact that another one has now.
func (c *core) untag(w *change, artifact doc, name string) {
	if hasTag(artifact, name) {
		is := func(tag any) bool { return fields(tag)["name"] == name }
		left := slices.DeleteFunc(slices.Clone(list(artifact["tags"])), is)
		w.set("artifacts", number(artifact["id"]), with(artifact, doc{"tags": left}))
	}
}

func (c *core) repositoryOf(w *change, project doc, name string) {
	if c.store.one("repositories", "name", name) == nil {
		w.add("repositories", with(made(), doc{"name": name, "project_id": project["project_id"], "pull_count": 0}))
	}
}

// fill changes how much of a quota is used.
func (c *core) fill(w *change, project doc, added int64) {
	if quota := c.quota(project); quota != nil && added != 0 {
		used := max(number(fields(quota["used"])["storage"])+added, 0)
		w.set("quotas", number(quota["id"]), with(quota, doc{"used": doc{"storage": used}, "update_time": now()}))
	}
}

// gone takes notice of a manifest that the registry deleted.
func (c *core) gone(project doc, repository, digest string) error {
	return c.store.change(func(w *change) error {
		left := map[string]int64{}
		for _, found := range c.store.find("artifacts", "project_id", project["project_id"]) {
			if found["repository_name"] == repository && found["digest"] == digest {
				w.drop("artifacts", number(found["id"]))
				continue
			}
			for _, blob := range list(found["_blobs"]) {
				left[text(fields(blob)["digest"])] = number(fields(blob)["size"])
			}
		}
		freed := int64(0)
		for digest, size := range c.blobsOf(project) {
			if _, kept := left[digest]; !kept {
				freed -= size
			}
		}
		c.fill(w, project, freed)
		return nil
	})
}

// repository is what a path names; it stays when its last artifact goes.
func (rq *request) repository() (string, doc, error) {
	name := text(rq.project["name"]) + "/" + rq.path["repository_name"]
	found := rq.store.one("repositories", "name", name)
	if found == nil {
		return name, nil, notFound("repository %s not found", name)
	}
	return name, found, nil
}

func init() {
	rules["repositories"] = rule{word: "repository", show: showRepository}
}

func showRepository(rq *request, repository doc) doc {
	artifacts := rq.store.find("artifacts", "repository_name", repository["name"])
	return with(shown(repository), doc{"artifact_count": len(artifacts)})
}

func getRepository(rq *request) (any, error) {
	_, found, err := rq.repository()
	if err != nil {
		return nil, err
	}
	return showRepository(rq, found), nil
}

func listArtifacts(rq *request) (any, error) {
	name, _, _ := rq.repository()
	return rq.listed(rq.store.find("artifacts", "repository_name", name), shown)
}

// artifact is the one of a tag or a digest.
func (rq *request) artifact() (doc, error) {
	name, _, _ := rq.repository()
	reference := rq.path["reference"]
	for _, found := range rq.store.find("artifacts", "repository_name", name) {
		if found["digest"] == reference || hasTag(found, reference) {
			return found, nil
		}
	}
	return nil, notFound("artifact %s:%s not found", name, reference)
}

func getArtifact(rq *request) (any, error) {
	found, err := rq.artifact()
	if err != nil {
		return nil, err
	}
	return shown(found), nil
}

func deleteArtifact(rq *request) (any, error) {
	found, err := rq.artifact()
	if err != nil {
		return nil, err
	}
	return nil, rq.remove(found)
}

// remove has the registry delete a manifest, and takes notice. Its blobs wait for the garbage collector.
func (rq *request) remove(artifact doc) error {
	name, digest := text(artifact["repository_name"]), text(artifact["digest"])
	address := strings.TrimSuffix(rq.get("REGISTRY_URL"), "/") + "/v2/" + name + "/manifests/" + digest
	asked, err := http.NewRequest(http.MethodDelete, address, nil)
	if err != nil {
		return err
	}
	asked.SetBasicAuth(rq.get("REGISTRY_CREDENTIAL_USERNAME"), rq.get("REGISTRY_CREDENTIAL_PASSWORD"))
	answer, err := rq.client.Do(asked)
	if err != nil {
		return err
	}
	answer.Body.Close()
	if answer.StatusCode >= 300 && answer.StatusCode != http.StatusNotFound {
		return fmt.Errorf("registry: DELETE %s: %s", name, answer.Status)
	}
	return rq.gone(rq.project, name, digest)
}

func deleteRepository(rq *request) (any, error) {
	name, repository, err := rq.repository()
	if err != nil {
		return nil, err
	}
	for _, found := range rq.store.find("artifacts", "repository_name", name) {
		if err := rq.remove(found); err != nil {
			return nil, err
		}
	}
	return nil, rq.store.change(func(w *change) error {
		w.drop("repositories", number(repository["id"]))
		return nil
	})
}
