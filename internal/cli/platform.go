package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/kroguard/kroguard/internal/labeling"
	"github.com/kroguard/kroguard/internal/manifests"
	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/cel"
	"github.com/kroguard/kroguard/policies/rego"
)

// platformFlags say where a platform's configuration is: in files, or in a cluster.
type platformFlags struct {
	configuration  []string
	kubeconfig     string
	kroUser        string
	requireProject bool
	sources        policySources
}

func (o *platformFlags) addFlags(flags *pflag.FlagSet) {
	flags.StringSliceVarP(&o.configuration, "config", "c", nil, "`file` or folder with the platform's configuration: ResourceGraphDefinitions, Guardrails, Projects, Namespaces, CustomResourceDefinitions, ValidatingAdmissionPolicies, ConstraintTemplates and constraints; repeat for several; default: the current cluster's")
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig `file` of the cluster; default: $KUBECONFIG, else ~/.kube/config")
	flags.StringVar(&o.kroUser, "kro-user", defaultKroUser, "user `name` under which kro runs")
	flags.BoolVar(&o.requireProject, "require-project", false, "as serve has it: refuse instances in namespaces that belong to no Project")
	o.sources.addFlags(flags, "as serve has it, of a cluster: ")
}

// Complete returns every flag that is wrong.
func (o *platformFlags) Complete() error {
	err := o.sources.Complete()
	if len(o.configuration) > 0 && o.kubeconfig != "" {
		err = errors.Join(err, errors.New("--kubeconfig and -c exclude each other: the configuration is a cluster's or that of files"))
	}
	return err
}

// read reads the configuration. The cluster is nil where that is in files.
func (o *platformFlags) read(ctx context.Context) (*manifests.Configuration, *cluster, error) {
	platform := new(manifests.Configuration)
	if len(o.configuration) == 0 {
		current, kinds, err := newCluster(o.kubeconfig)
		if err != nil {
			return nil, nil, err
		}
		return platform, current, current.read(ctx, kinds, &o.sources, platform)
	}
	var errs []error
	for _, path := range o.configuration {
		errs = append(errs, platform.Read(path))
	}
	return platform, nil, errors.Join(errs...)
}

// snapshot compiles the configuration as serve does. It may be there with an error: of what does not compile.
func (o *platformFlags) snapshot(ctx context.Context, platform *manifests.Configuration) (*review.Snapshot, error) {
	driver, err := cel.New()
	if err != nil {
		return nil, fmt.Errorf("setting up CEL: %w", err)
	}
	compiler := policies.NewCompiler(driver, driver, rego.New(rego.Options{}))
	snapshot, err := platform.Snapshot(ctx, compiler, review.Settings{
		RequireProject: o.requireProject, KroUsers: []string{o.kroUser}, LabelKeys: labeling.DefaultKeys(),
	})
	if snapshot == nil {
		return nil, err
	}
	templates, failed := newTemplates(driver)
	if failed != nil {
		return nil, failed
	}
	others, wrong := platform.Admission(driver)
	constraints, alsoWrong := platform.Gatekeeper(ctx, templates)
	if others = append(others, constraints...); len(others) > 0 {
		snapshot.Guardrails = snapshot.Guardrails.With(others, nil)
	}
	return snapshot, errors.Join(err, wrong, alsoWrong)
}
