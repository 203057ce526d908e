package main

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
)

var reference = regexp.MustCompile(`\$\{\.PVC\.([^}]*)\}`)

// directoryFor is where a claim's volume lives, relative to the export.
//
// Without a pattern, or with one that comes out empty, it is NAMESPACE-CLAIM-VOLUME. Labels
// and annotations are written by whoever makes the claim, so what they lead to is not
// trusted: a path that climbs out of the export, or that is the export itself, is refused.
func directoryFor(claim *v1.PersistentVolumeClaim, volume, pattern string) (string, error) {
	wanted := expand(claim, pattern)
	if wanted == "" {
		return strings.Join([]string{claim.Namespace, claim.Name, volume}, "-"), nil
	}
	if slices.Contains(strings.Split(wanted, "/"), "..") {
		return "", fmt.Errorf("pathPattern %q gives %q for claim %s/%s: '..' is not allowed in it",
			pattern, wanted, claim.Namespace, claim.Name)
	}
	clean := strings.TrimPrefix(path.Clean("/"+wanted), "/")
	if clean == "" {
		return "", fmt.Errorf("pathPattern %q gives the whole export for claim %s/%s; it must name a directory in it",
			pattern, claim.Namespace, claim.Name)
	}
	return clean, nil
}

// expand replaces ${.PVC.namespace}, ${.PVC.name}, ${.PVC.labels.KEY} and ${.PVC.annotations.KEY}
// in one pass, so that a value which looks like a reference stays text. Unknown ones become "".
func expand(claim *v1.PersistentVolumeClaim, pattern string) string {
	return reference.ReplaceAllStringFunc(pattern, func(match string) string {
		field := reference.FindStringSubmatch(match)[1]
		kind, key, _ := strings.Cut(field, ".")
		switch {
		case field == "namespace":
			return claim.Namespace
		case field == "name":
			return claim.Name
		case kind == "labels":
			return claim.Labels[key]
		case kind == "annotations":
			return claim.Annotations[key]
		}
		return ""
	})
}
