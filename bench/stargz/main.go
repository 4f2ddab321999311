// The server of stargz-snapshotter over Debian's package of its library, which holds no such program.
// Prints "ready" when it listens; ends on SIGTERM.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	snapshots "github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/contrib/snapshotservice"
	"github.com/containerd/containerd/reference"
	"github.com/containerd/containerd/remotes/docker"
	"github.com/containerd/stargz-snapshotter/fs"
	"github.com/containerd/stargz-snapshotter/fs/config"
	"github.com/containerd/stargz-snapshotter/fs/layer"
	"github.com/containerd/stargz-snapshotter/fs/source"
	"github.com/containerd/stargz-snapshotter/snapshot"
	"google.golang.org/grpc"
)

func main() {
	root := flag.String("root", "", "directory of the snapshotter")
	address := flag.String("address", "", "socket to listen on")
	flag.Parse()
	// The library dereferences the transport of each host's client.
	client := &http.Client{Transport: http.DefaultTransport}
	registries := docker.ConfigureDefaultRegistries(
		docker.WithPlainHTTP(docker.MatchLocalhost), docker.WithClient(client))
	hosts := func(name reference.Spec) ([]docker.RegistryHost, error) { return registries(name.Hostname()) }
	filesystem, err := fs.NewFilesystem(filepath.Join(*root, "stargz"), config.Config{},
		fs.WithGetSources(source.FromDefaultLabels(hosts)), fs.WithOverlayOpaqueType(layer.OverlayOpaqueTrusted))
	if err != nil {
		log.Fatal(err)
	}
	snapshotter, err := snapshot.NewSnapshotter(
		context.Background(), filepath.Join(*root, "snapshotter"), filesystem, snapshot.AsynchronousRemove)
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	snapshots.RegisterSnapshotsServer(server, snapshotservice.FromSnapshotter(snapshotter))
	listener, err := net.Listen("unix", *address)
	if err != nil {
		log.Fatal(err)
	}
	go server.Serve(listener)
	fmt.Println("ready")
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
	server.Stop()
	snapshotter.Close()
}
