package binaries

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
)

// artifact is something to have in the cache, a file or a folder.
type artifact struct {
	name, version string
	// make creates it at out, which does not exist yet.
	make func(ctx context.Context, g goCommand, out string) error
}

// artifacts are all there are.
type artifacts struct {
	reaper, etcd, apiServer, kubectl, kro, kroCRDs artifact
}

const (
	kubernetesModule = "k8s.io/kubernetes"
	etcdModule       = "go.etcd.io/etcd/server/v3"
	kroModule        = "github.com/kubernetes-sigs/kro"
)

func (s source) artifacts() (artifacts, error) {
	versions := make(map[string]string)
	for dir, module := range map[string]string{"kubernetes": kubernetesModule, "etcd": etcdModule, "kro": kroModule} {
		version, err := pinnedVersion(s.pin(dir), module)
		if err != nil {
			return artifacts{}, err
		}
		versions[module] = version
	}
	reaper := filepath.Join(string(s), "reaper")
	reaperVersion, err := contentVersion(reaper)
	if err != nil {
		return artifacts{}, err
	}

	program := func(name, dir, module, pkg, stamp string) artifact {
		return artifact{name: name, version: versions[module], make: func(ctx context.Context, g goCommand, out string) error {
			return g.build(ctx, s.pin(dir), module+pkg, stamp, out)
		}}
	}
	stamp := kubernetesStamp(versions[kubernetesModule])
	return artifacts{
		reaper: artifact{name: "reaper", version: reaperVersion, make: func(ctx context.Context, g goCommand, out string) error {
			return g.build(ctx, reaper, ".", "", out)
		}},
		etcd:      program("etcd", "etcd", etcdModule, "", ""),
		apiServer: program("kube-apiserver", "kubernetes", kubernetesModule, "/cmd/kube-apiserver", stamp),
		kubectl:   program("kubectl", "kubernetes", kubernetesModule, "/cmd/kubectl", stamp),
		kro:       program("kro", "kro", kroModule, "/cmd/controller", ""),
		kroCRDs: artifact{name: "kro-crds", version: versions[kroModule], make: func(ctx context.Context, g goCommand, out string) error {
			return g.copyFromModule(ctx, s.pin("kro"), kroModule, "helm/crds", out)
		}},
	}, nil
}

// kubernetesStamp has the linker set the version that Kubernetes' own build sets. Without it a
// program takes itself for v0.0.0-master: kubectl warns of version skew, and clients and admission
// policies that compare versions go wrong.
func kubernetesStamp(version string) string {
	major, rest, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	minor, _, _ := strings.Cut(rest, ".")
	var flags []string
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		for _, v := range [][2]string{{"gitVersion", version}, {"gitMajor", major}, {"gitMinor", minor}} {
			flags = append(flags, fmt.Sprintf("-X %s.%s=%s", pkg, v[0], v[1]))
		}
	}
	return strings.Join(flags, " ")
}
