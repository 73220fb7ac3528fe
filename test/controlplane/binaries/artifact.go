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

// artifacts are those of a control plane.
type artifacts struct {
	reaper, etcd, apiServer, kubectl, kro, kroCRDs artifact
}

const (
	kubernetesModule = "k8s.io/kubernetes"
	etcdModule       = "go.etcd.io/etcd/server/v3"
	kroModule        = "github.com/kubernetes-sigs/kro"
)

// artifacts are the ones of the given versions of Kubernetes and kro; "" stands for the default.
func (s source) artifacts(kubernetes, kro string) (artifacts, error) {
	kubernetesPin, err := s.versioned("kubernetes", kubernetes)
	if err != nil {
		return artifacts{}, err
	}
	kroPin, err := s.versioned("kro", kro)
	if err != nil {
		return artifacts{}, err
	}
	pins := map[string]string{kubernetesModule: kubernetesPin, etcdModule: s.pin("etcd"), kroModule: kroPin}
	versions := make(map[string]string)
	for module, pin := range pins {
		if versions[module], err = pinnedVersion(pin, module); err != nil {
			return artifacts{}, err
		}
	}
	reaper := filepath.Join(string(s), "reaper")
	reaperVersion, err := contentVersion(reaper)
	if err != nil {
		return artifacts{}, err
	}

	program := func(name, module, pkg, stamp string) artifact {
		return artifact{name: name, version: versions[module], make: func(ctx context.Context, g goCommand, out string) error {
			return g.build(ctx, pins[module], module+pkg, stamp, out)
		}}
	}
	stamp := kubernetesStamp(versions[kubernetesModule])
	return artifacts{
		reaper: artifact{name: "reaper", version: reaperVersion, make: func(ctx context.Context, g goCommand, out string) error {
			return g.build(ctx, reaper, ".", "", out)
		}},
		etcd:      program("etcd", etcdModule, "", ""),
		apiServer: program("kube-apiserver", kubernetesModule, "/cmd/kube-apiserver", stamp),
		kubectl:   program("kubectl", kubernetesModule, "/cmd/kubectl", stamp),
		kro:       program("kro", kroModule, "/cmd/controller", ""),
		kroCRDs: artifact{name: "kro-crds", version: versions[kroModule], make: func(ctx context.Context, g goCommand, out string) error {
			return g.copyFromModule(ctx, kroPin, kroModule, "helm/crds", out)
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
