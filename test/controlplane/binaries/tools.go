package binaries

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Tool is a program that no control plane needs, and some tests do.
type Tool string

// The tools.
const (
	// ControllerManager is the kube-controller-manager of the default version of Kubernetes.
	ControllerManager Tool = "kube-controller-manager"
	Helm              Tool = "helm"
	HelmUnittest      Tool = "helm-unittest"
	Kubeconform       Tool = "kubeconform"
)

// toolSource says how a tool is built: which module the folder pin of build/ requires, and which package of that.
type toolSource struct{ pin, module, pkg string }

func toolSources() map[Tool]toolSource {
	return map[Tool]toolSource{
		ControllerManager: {"kubernetes", kubernetesModule, "/cmd/kube-controller-manager"},
		Helm:              {"helm", "helm.sh/helm/v4", "/cmd/helm"},
		HelmUnittest:      {"helm", "github.com/helm-unittest/helm-unittest", "/cmd/helm-unittest"},
		Kubeconform:       {"helm", "github.com/yannh/kubeconform", "/cmd/kubeconform"},
	}
}

// Tools are the names of all tools, sorted.
func Tools() []Tool {
	var names []Tool
	for name := range toolSources() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// EnsureTool returns the path of a tool, and builds it first where it is not in the cache. It fails as Ensure does.
func EnsureTool(ctx context.Context, o Options, name Tool) (string, error) {
	from, ok := toolSources()[name]
	if !ok {
		return "", fmt.Errorf("%q is no tool: there are %s", name, strings.Trim(fmt.Sprint(Tools()), "[]"))
	}
	if err := o.complete(); err != nil {
		return "", err
	}
	src, err := findSource()
	if err != nil {
		return "", err
	}
	all, err := src.artifacts("", "")
	if err != nil {
		return "", err
	}
	c, err := o.cache(ctx, src, all.reaper)
	if err != nil {
		return "", err
	}
	version, err := pinnedVersion(src.pin(from.pin), from.module)
	if err != nil {
		return "", err
	}
	stamp := ""
	if from.module == kubernetesModule {
		stamp = kubernetesStamp(version)
	}
	return c.ensure(ctx, artifact{name: string(name), version: version, make: func(ctx context.Context, g goCommand, out string) error {
		return g.build(ctx, src.pin(from.pin), from.module+from.pkg, stamp, out)
	}})
}
