// A stand-in for nfs-subdir-external-provisioner, whose image and chart are in no
// package registry: the same environment, StorageClass parameters and directories,
// on the library that upstream is built on. README.md says what it is not.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

const notice = "This is breakwater's lab stand-in for nfs-subdir-external-provisioner, not the upstream program: " +
	"same settings and directories, for tests on machines that cannot reach the upstream image. Not for production."

// Where the Deployment mounts the root of the export.
const mountPoint = "/persistentvolumes"

func main() {
	klog.Info(notice)
	if err := run(context.Background()); err != nil {
		klog.ErrorS(err, "The provisioner cannot start")
		klog.FlushAndExit(klog.ExitFlushTimeout, 1)
	}
}

func run(ctx context.Context) error {
	settings, err := readSettings(os.Getenv)
	if err != nil {
		return err
	}
	config, err := clusterConfig(os.Getenv("KUBECONFIG"))
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	klog.InfoS("Serving", "provisioner", settings.name, "server", settings.server, "path", settings.path,
		"leaderElection", settings.leaderElection)
	worker := &provisioner{client: client, server: settings.server, export: settings.path, mount: mountPoint}
	controller.NewProvisionController(ctx, client, settings.name, worker,
		controller.LeaderElection(settings.leaderElection)).Run(ctx)
	return nil
}

type settings struct {
	server, path, name string
	leaderElection     bool
}

// readSettings takes upstream's environment variables, and names every one that is missing or wrong.
func readSettings(environment func(string) string) (settings, error) {
	var problems []error
	required := func(name string) string {
		value := environment(name)
		if value == "" {
			problems = append(problems, fmt.Errorf("%s is not set", name))
		}
		return value
	}
	read := settings{
		server:         required("NFS_SERVER"),
		path:           required("NFS_PATH"),
		name:           required("PROVISIONER_NAME"),
		leaderElection: true,
	}
	if text := environment("ENABLE_LEADER_ELECTION"); text != "" {
		enabled, err := strconv.ParseBool(text)
		if err != nil {
			problems = append(problems, fmt.Errorf("ENABLE_LEADER_ELECTION: %q is neither true nor false", text))
		}
		read.leaderElection = enabled
	}
	return read, errors.Join(problems...)
}

func clusterConfig(kubeconfig string) (*rest.Config, error) {
	if kubeconfig == "" {
		return rest.InClusterConfig()
	}
	return clientcmd.BuildConfigFromFlags("", kubeconfig)
}
