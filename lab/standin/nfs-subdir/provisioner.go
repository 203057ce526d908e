package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

// One directory a volume, in an export that is mounted here and named to the cluster by server and path.
type provisioner struct {
	client kubernetes.Interface
	server string // the NFS server, as the volumes name it
	export string // the export's path on that server
	mount  string // where the export is mounted here
}

// Provision makes the claim's directory, open to every user, and describes it as an NFS volume.
func (p *provisioner) Provision(
	_ context.Context, options controller.ProvisionOptions,
) (*v1.PersistentVolume, controller.ProvisioningState, error) {
	claim, class := options.PVC, options.StorageClass
	if claim.Spec.Selector != nil {
		return nil, controller.ProvisioningFinished, errors.New("a claim with a selector cannot be provisioned")
	}
	directory, err := directoryFor(claim, options.PVName, class.Parameters["pathPattern"])
	if err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	if err := p.make(directory); err != nil {
		return nil, controller.ProvisioningFinished, fmt.Errorf("directory %q could not be made: %w", directory, err)
	}
	klog.InfoS("Directory made", "directory", directory, "claim", klog.KObj(claim), "volume", options.PVName)
	reclaim := v1.PersistentVolumeReclaimDelete
	if class.ReclaimPolicy != nil {
		reclaim = *class.ReclaimPolicy
	}
	return &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: options.PVName},
		Spec: v1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: reclaim,
			AccessModes:                   claim.Spec.AccessModes,
			MountOptions:                  class.MountOptions,
			Capacity:                      v1.ResourceList{v1.ResourceStorage: claim.Spec.Resources.Requests[v1.ResourceStorage]},
			PersistentVolumeSource: v1.PersistentVolumeSource{
				NFS: &v1.NFSVolumeSource{Server: p.server, Path: path.Join(p.export, directory)},
			},
		},
	}, controller.ProvisioningFinished, nil
}

// Delete keeps, removes or archives the volume's directory, as its class says now.
func (p *provisioner) Delete(ctx context.Context, volume *v1.PersistentVolume) error {
	if volume.Spec.NFS == nil {
		return fmt.Errorf("volume %s is not on NFS", volume.Name)
	}
	directory, ours := strings.CutPrefix(path.Clean(volume.Spec.NFS.Path), strings.TrimSuffix(p.export, "/")+"/")
	if !ours || directory == "" {
		klog.Warningf("volume %s: %s is not in %s; its data is left alone", volume.Name, volume.Spec.NFS.Path, p.export)
		return nil
	}
	// An os.Root cannot be left by a symbolic link that a pod put into its volume.
	root, err := os.OpenRoot(p.mount)
	if err != nil {
		return err
	}
	defer root.Close()
	if _, err := root.Lstat(directory); errors.Is(err, fs.ErrNotExist) {
		klog.Warningf("volume %s: directory %s is gone already", volume.Name, directory)
		return nil
	}
	class, err := p.client.StorageV1().StorageClasses().Get(ctx, volume.Spec.StorageClassName, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("storage class of volume %s: %w", volume.Name, err)
	}
	return dispose(root, directory, class.Parameters)
}

// dispose decides by onDelete first and archiveOnDelete second; without either the directory is archived.
func dispose(root *os.Root, directory string, parameters map[string]string) error {
	switch parameters["onDelete"] {
	case "delete":
		klog.InfoS("Directory removed", "directory", directory)
		return root.RemoveAll(directory)
	case "retain":
		klog.InfoS("Directory kept", "directory", directory)
		return nil
	}
	if text, set := parameters["archiveOnDelete"]; set {
		archive, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("archiveOnDelete: %q is neither true nor false", text)
		}
		if !archive {
			klog.InfoS("Directory removed", "directory", directory)
			return root.RemoveAll(directory)
		}
	}
	archived := "archived-" + path.Base(directory)
	klog.InfoS("Directory archived", "directory", directory, "as", archived)
	return root.Rename(directory, archived)
}

func (p *provisioner) make(directory string) error {
	root, err := os.OpenRoot(p.mount)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.MkdirAll(directory, 0o777); err != nil {
		return err
	}
	// Once more, because the umask took part of the mode.
	return root.Chmod(directory, 0o777)
}
