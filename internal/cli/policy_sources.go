package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kroguard/kroguard/internal/controller"
	"github.com/kroguard/kroguard/policies/cel"
	"github.com/kroguard/kroguard/policies/gatekeeper"
	"github.com/kroguard/kroguard/policies/rego"
)

// policySources are the flags that say which of a cluster's own policies count.
type policySources struct {
	names []string
	kinds []string

	inventory []runtimeschema.GroupVersionKind
}

func (s *policySources) addFlags(flags *pflag.FlagSet, preface string) {
	flags.StringSliceVar(&s.names, "policy-source", nil, preface+"judge instances and their resources by the cluster's policies of this `kind`, too: "+strings.Join(controller.SourceNames(), ", ")+"; repeat for several")
	flags.StringSliceVar(&s.kinds, "gatekeeper-sync", nil, preface+"objects of this `kind` are data.inventory for Gatekeeper's templates: v1/Namespace, networking.k8s.io/v1/Ingress; repeat for several")
}

// Complete returns every flag that is wrong.
func (s *policySources) Complete() error {
	var errs []error
	for _, name := range s.names {
		if !slices.Contains(controller.SourceNames(), name) {
			errs = append(errs, fmt.Errorf("--policy-source: %q is none of %s", name, strings.Join(controller.SourceNames(), ", ")))
		}
	}
	for _, text := range s.kinds {
		kind, err := parseKind(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("--gatekeeper-sync: %w", err))
		}
		s.inventory = append(s.inventory, kind)
	}
	if len(s.kinds) > 0 && !s.has(controller.SourceGatekeeper) {
		errs = append(errs, fmt.Errorf("--gatekeeper-sync is for --policy-source %s", controller.SourceGatekeeper))
	}
	return errors.Join(errs...)
}

func (s *policySources) has(name string) bool { return slices.Contains(s.names, name) }

// parseKind reads a kind as "apiVersion/Kind".
func parseKind(text string) (runtimeschema.GroupVersionKind, error) {
	i := max(strings.LastIndexByte(text, '/'), 0)
	version, err := runtimeschema.ParseGroupVersion(text[:i])
	if kind := strings.TrimPrefix(text[i:], "/"); err == nil && version.Version != "" && kind != "" {
		return version.WithKind(kind), nil
	}
	return runtimeschema.GroupVersionKind{}, fmt.Errorf("%q is no apiVersion/Kind, as networking.k8s.io/v1/Ingress", text)
}

// newTemplates compiles Gatekeeper's templates.
func newTemplates(driver *cel.Driver) (*gatekeeper.Compiler, error) {
	compiler, err := gatekeeper.NewCompiler(driver, rego.New(rego.Options{}))
	if err != nil {
		return nil, fmt.Errorf("setting up Gatekeeper's kinds: %w", err)
	}
	return compiler, nil
}
