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
	// CertManager are cert-manager's controllers.
	CertManager Tool = "cert-manager"
)

// certManagerModule has no command that can be built: there is one in its pin.
const certManagerModule = "github.com/cert-manager/cert-manager"

// toolSource says how a tool is built: the module that the folder pin of build/ requires, and the package, which is one of that module or
// lies in the folder itself.
type toolSource struct{ pin, module, pkg string }

func toolSources() map[Tool]toolSource {
	return map[Tool]toolSource{
		ControllerManager: {"kubernetes", kubernetesModule, kubernetesModule + "/cmd/kube-controller-manager"},
		Helm:              {"helm", "helm.sh/helm/v4", "helm.sh/helm/v4/cmd/helm"},
		HelmUnittest:      {"helm", "github.com/helm-unittest/helm-unittest", "github.com/helm-unittest/helm-unittest/cmd/helm-unittest"},
		Kubeconform:       {"helm", "github.com/yannh/kubeconform", "github.com/yannh/kubeconform/cmd/kubeconform"},
		CertManager:       {"cert-manager", certManagerModule, "."},
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
	c, src, err := o.tools(ctx)
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
		return g.build(ctx, src.pin(from.pin), from.pkg, stamp, out)
	}})
}

// CertManagerCRDs returns the folder of cert-manager's CustomResourceDefinitions. It fails as Ensure does.
func CertManagerCRDs(ctx context.Context, o Options) (string, error) {
	return ensureFolder(ctx, o, "cert-manager", certManagerModule, "deploy/crds", "cert-manager-crds")
}

// MonitoringCRDs returns the folder of the Prometheus operator's CustomResourceDefinitions. It fails as Ensure does.
func MonitoringCRDs(ctx context.Context, o Options) (string, error) {
	const module = "github.com/prometheus-operator/prometheus-operator"
	return ensureFolder(ctx, o, "crds", module, "example/prometheus-operator-crd", "monitoring-crds")
}

// GatewayCRDs returns the folder of the Gateway API's CustomResourceDefinitions. It fails as Ensure does.
func GatewayCRDs(ctx context.Context, o Options) (string, error) {
	return ensureFolder(ctx, o, "crds", "sigs.k8s.io/gateway-api", "config/crd/standard", "gateway-crds")
}

// OpenAPI returns the folder with swagger.json of the default version of Kubernetes. It fails as Ensure does.
func OpenAPI(ctx context.Context, o Options) (string, error) {
	return ensureFolder(ctx, o, "kubernetes", kubernetesModule, "api/openapi-spec", "kubernetes-openapi")
}

// ensureFolder returns a copy of a folder of the module that a pin requires.
func ensureFolder(ctx context.Context, o Options, pin, module, folder, name string) (string, error) {
	c, src, err := o.tools(ctx)
	if err != nil {
		return "", err
	}
	version, err := pinnedVersion(src.pin(pin), module)
	if err != nil {
		return "", err
	}
	return c.ensure(ctx, artifact{name: name, version: version, make: func(ctx context.Context, g goCommand, out string) error {
		// With its version: the other modules that a pin requires need not be there.
		return g.copyFromModule(ctx, src.pin(pin), module+"@"+version, folder, out)
	}})
}

// tools is the cache of tools, and where they are pinned.
func (o *Options) tools(ctx context.Context) (cache, source, error) {
	if err := o.complete(); err != nil {
		return cache{}, "", err
	}
	src, err := findSource()
	if err != nil {
		return cache{}, "", err
	}
	all, err := src.artifacts("", "")
	if err != nil {
		return cache{}, "", err
	}
	c, err := o.cache(ctx, src, all.reaper)
	return c, src, err
}
