package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

const export = "/srv/nfs/harbor"

type parameters = map[string]string

func setUp(t *testing.T, values parameters) (*provisioner, *storagev1.StorageClass) {
	t.Helper()
	retain := v1.PersistentVolumeReclaimRetain
	class := &storagev1.StorageClass{
		ObjectMeta:    metav1.ObjectMeta{Name: "nfs-client"},
		Parameters:    values,
		ReclaimPolicy: &retain,
		MountOptions:  []string{"hard", "nfsvers=4.1"},
	}
	return &provisioner{fake.NewClientset(class), "10.0.0.20", export, t.TempDir()}, class
}

func claimNamed(name string) *v1.PersistentVolumeClaim {
	return &v1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:   "harbor",
			Name:        name,
			Labels:      parameters{"app.kubernetes.io/part": "core", "trap": "${.PVC.name}"},
			Annotations: parameters{"nfs.io/path": "deep/er", "climb": "../../etc", "hidden": "a/../../b", "dot": "."},
		},
		Spec: v1.PersistentVolumeClaimSpec{
			AccessModes: []v1.PersistentVolumeAccessMode{v1.ReadWriteMany},
			Resources:   v1.VolumeResourceRequirements{Requests: v1.ResourceList{"storage": resource.MustParse("5Gi")}},
		},
	}
}

func provision(t *testing.T, p *provisioner, class *storagev1.StorageClass) *v1.PersistentVolume {
	t.Helper()
	volume, state, err := p.Provision(context.Background(),
		controller.ProvisionOptions{StorageClass: class, PVName: "pvc-1", PVC: claimNamed("data")})
	if err != nil || state != controller.ProvisioningFinished {
		t.Fatalf("Provision: state %q, error %v", state, err)
	}
	volume.Spec.StorageClassName = class.Name // the library sets it in the cluster
	return volume
}

func TestProvisionMakesAnOpenDirectoryAndItsVolume(t *testing.T) {
	p, class := setUp(t, nil)
	spec := provision(t, p, class).Spec
	info, err := os.Stat(filepath.Join(p.mount, "harbor-data-pvc-1"))
	if err != nil || info.Mode() != os.ModeDir|0o777 {
		t.Fatalf("directory: %v, error %v; wanted mode 0777", info, err)
	}
	if spec.NFS.Server != "10.0.0.20" || spec.NFS.Path != export+"/harbor-data-pvc-1" || spec.NFS.ReadOnly {
		t.Errorf("source: %+v", spec.NFS)
	}
	if !slices.Equal(spec.MountOptions, class.MountOptions) {
		t.Errorf("mount options: %v, wanted the class's %v", spec.MountOptions, class.MountOptions)
	}
	if spec.PersistentVolumeReclaimPolicy != v1.PersistentVolumeReclaimRetain {
		t.Errorf("reclaim policy: %s, wanted the class's", spec.PersistentVolumeReclaimPolicy)
	}
	size := spec.Capacity[v1.ResourceStorage]
	if size.String() != "5Gi" || !slices.Equal(spec.AccessModes, []v1.PersistentVolumeAccessMode{v1.ReadWriteMany}) {
		t.Errorf("size %s, modes %v: wanted the claim's", size.String(), spec.AccessModes)
	}
}

func TestProvisionTwiceGivesTheSameVolume(t *testing.T) {
	p, class := setUp(t, nil)
	first := provision(t, p, class)
	kept := filepath.Join(p.mount, "harbor-data-pvc-1", "file")
	if err := os.WriteFile(kept, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if second := provision(t, p, class); second.Spec.NFS.Path != first.Spec.NFS.Path {
		t.Errorf("second: %s, first: %s", second.Spec.NFS.Path, first.Spec.NFS.Path)
	}
	if _, err := os.Stat(kept); err != nil {
		t.Errorf("data lost: %v", err)
	}
}

func TestProvisionRefusesASelector(t *testing.T) {
	p, class := setUp(t, nil)
	claim := claimNamed("data")
	claim.Spec.Selector = &metav1.LabelSelector{}
	_, _, err := p.Provision(context.Background(),
		controller.ProvisionOptions{StorageClass: class, PVName: "pvc-1", PVC: claim})
	if err == nil || !strings.Contains(err.Error(), "selector") {
		t.Errorf("error: %v", err)
	}
}

func TestPathPattern(t *testing.T) {
	cases := parameters{
		"":                               "harbor-data-pvc-1",
		"${.PVC.labels.none}":            "harbor-data-pvc-1",
		"${.PVC.unknown}":                "harbor-data-pvc-1",
		"${.PVC.namespace}/${.PVC.name}": "harbor/data",
		"/${.PVC.namespace}//x/":         "harbor/x",
		"${.PVC.labels.app.kubernetes.io/part}-${.PVC.annotations.nfs.io/path}": "core-deep/er",
		"${.PVC.labels.trap}": "${.PVC.name}",
		"a..b":                "a..b",
	}
	for pattern, wanted := range cases {
		if got, err := directoryFor(claimNamed("data"), "pvc-1", pattern); err != nil || got != wanted {
			t.Errorf("%q: %q, error %v; wanted %q", pattern, got, err, wanted)
		}
	}
}

func TestPathPatternThatLeavesTheExportIsRefused(t *testing.T) {
	for _, pattern := range []string{
		"..", "../x", "x/..", "${.PVC.namespace}/${.PVC.annotations.climb}", "${.PVC.annotations.hidden}",
		"/", ".", "${.PVC.annotations.dot}",
	} {
		p, class := setUp(t, parameters{"pathPattern": pattern})
		_, _, err := p.Provision(context.Background(),
			controller.ProvisionOptions{StorageClass: class, PVName: "pvc-1", PVC: claimNamed("data")})
		if err == nil || !strings.Contains(err.Error(), "pathPattern") {
			t.Errorf("%q: error %v", pattern, err)
		}
		if names := list(t, p.mount); len(names) != 0 {
			t.Errorf("%q: made %v all the same", pattern, names)
		}
	}
}

func TestProvisionDoesNotFollowALinkOutOfTheExport(t *testing.T) {
	p, class := setUp(t, parameters{"pathPattern": "link/${.PVC.name}"})
	outside := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(p.mount, "link")); err != nil {
		t.Fatal(err)
	}
	_, _, err := p.Provision(context.Background(),
		controller.ProvisionOptions{StorageClass: class, PVName: "pvc-1", PVC: claimNamed("data")})
	if names := list(t, outside); err == nil || len(names) != 0 {
		t.Errorf("error %v, made outside: %v", err, names)
	}
}

func TestDelete(t *testing.T) {
	for _, test := range []struct {
		values parameters
		left   string
	}{
		{nil, "archived-harbor-data-pvc-1"},
		{parameters{"archiveOnDelete": "true"}, "archived-harbor-data-pvc-1"},
		{parameters{"archiveOnDelete": "false"}, ""},
		{parameters{"archiveOnDelete": "true", "onDelete": "delete"}, ""},
		{parameters{"archiveOnDelete": "false", "onDelete": "retain"}, "harbor-data-pvc-1"},
		{parameters{"onDelete": "other"}, "archived-harbor-data-pvc-1"},
		{parameters{"pathPattern": "${.PVC.namespace}/x"}, "archived-x harbor"},
	} {
		p, class := setUp(t, test.values)
		if err := p.Delete(context.Background(), provision(t, p, class)); err != nil {
			t.Errorf("%v: %v", test.values, err)
		}
		if left := strings.Join(list(t, p.mount), " "); left != test.left {
			t.Errorf("%v: left %q, wanted %q", test.values, left, test.left)
		}
	}
}

func TestDeleteLeavesTheDirectoryWhenItCannotKnowWhatToDo(t *testing.T) {
	p, class := setUp(t, parameters{"archiveOnDelete": "perhaps"})
	volume := provision(t, p, class)
	if err := p.Delete(context.Background(), volume); err == nil || !strings.Contains(err.Error(), "archiveOnDelete") {
		t.Errorf("error: %v", err)
	}
	volume.Spec.StorageClassName = "gone"
	if err := p.Delete(context.Background(), volume); err == nil || !strings.Contains(err.Error(), "storage class") {
		t.Errorf("error: %v", err)
	}
	if left := list(t, p.mount); !slices.Equal(left, []string{"harbor-data-pvc-1"}) {
		t.Errorf("left: %v", left)
	}
}

func TestDeleteOfWhatIsGoneOrElsewhereTouchesNothing(t *testing.T) {
	p, class := setUp(t, parameters{"archiveOnDelete": "false"})
	volume := provision(t, p, class)
	for _, place := range []string{export, export + "/", export + "/missing", export + "-old/harbor-data-pvc-1", "/etc"} {
		volume.Spec.NFS.Path = place
		if err := p.Delete(context.Background(), volume); err != nil {
			t.Errorf("%s: %v", place, err)
		}
	}
	if left := list(t, p.mount); !slices.Equal(left, []string{"harbor-data-pvc-1"}) {
		t.Errorf("left: %v", left)
	}
}

func TestSettingsNameEveryProblemAtOnce(t *testing.T) {
	environment := parameters{"NFS_SERVER": "10.0.0.20", "ENABLE_LEADER_ELECTION": "maybe"}
	_, err := readSettings(func(name string) string { return environment[name] })
	for _, wanted := range []string{"NFS_PATH", "PROVISIONER_NAME", "ENABLE_LEADER_ELECTION"} {
		if err == nil || !strings.Contains(err.Error(), wanted) {
			t.Errorf("%s is not in: %v", wanted, err)
		}
	}
	environment = parameters{"NFS_SERVER": "s", "NFS_PATH": "/p", "PROVISIONER_NAME": "n"}
	read, err := readSettings(func(name string) string { return environment[name] })
	if err != nil || !read.leaderElection {
		t.Errorf("leader election is on unless switched off: %+v, %v", read, err)
	}
	environment["ENABLE_LEADER_ELECTION"] = "false"
	if read, _ = readSettings(func(name string) string { return environment[name] }); read.leaderElection {
		t.Error("ENABLE_LEADER_ELECTION=false had no effect")
	}
}

func list(t *testing.T, directory string) []string {
	t.Helper()
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}
