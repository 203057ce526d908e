package main

import "encoding/json"

// described is what a manifest says of its parts.
type described struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
}

// manifest is of an image, or of a list of them.
type manifest struct {
	MediaType string      `json:"mediaType"`
	Config    *described  `json:"config"`
	Layers    []described `json:"layers"`
	Manifests []described `json:"manifests"`
}

func (m manifest) parts() []described {
	parts := append(append([]described{}, m.Layers...), m.Manifests...)
	if m.Config != nil {
		parts = append(parts, *m.Config)
	}
	return parts
}

func readManifest(body []byte) manifest {
	var found manifest
	json.Unmarshal(body, &found) // what is none is the registry's to refuse
	return found
}
