package engines

import (
	"context"
	"fmt"
	"strings"

	"github.com/go-logr/logr"
	constraintclient "github.com/open-policy-agent/frameworks/constraint/pkg/client"
	"github.com/open-policy-agent/frameworks/constraint/pkg/client/drivers"
	"github.com/open-policy-agent/frameworks/constraint/pkg/client/drivers/rego"
	regoschema "github.com/open-policy-agent/frameworks/constraint/pkg/client/drivers/rego/schema"
	"github.com/open-policy-agent/frameworks/constraint/pkg/client/reviews"
	"github.com/open-policy-agent/frameworks/constraint/pkg/core/templates"
	"github.com/open-policy-agent/frameworks/constraint/pkg/types"
	mutationtypes "github.com/open-policy-agent/gatekeeper/v3/pkg/mutation/types"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/target"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/util"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/utils/ptr"

	"github.com/kroguard/kroguard/test/bench/sets"
)

// GatekeeperOptions say what Gatekeeper is given.
type GatekeeperOptions struct {
	// Distinct gives each constraint a template of its own; otherwise those of one policy share it.
	Distinct bool
	// Match is spec.match of the constraint with the index; nil matches everything.
	Match func(i int) map[string]any
}

// NewGatekeeper is Gatekeeper's constraint client with its Rego driver and target, set up as its manager does it, and asked as
// its webhook asks it.
func NewGatekeeper(set *sets.Set, entries []sets.Entry, options GatekeeperOptions) (*Engine, error) {
	driver, err := rego.New(rego.Externs())
	if err != nil {
		return nil, err
	}
	return newGatekeeper(NameGatekeeper, set, entries, options, driver, regoCode)
}

// regoCode is the source of a template in Rego.
func regoCode(entry *sets.Entry) (templates.Code, error) {
	source := regoschema.Source{Rego: entry.Rego, Version: "v1"}
	return templates.Code{Engine: regoschema.Name, Source: &templates.Anything{Value: source.ToUnstructured()}}, nil
}

func newGatekeeper(name string, set *sets.Set, entries []sets.Entry, options GatekeeperOptions,
	driver drivers.Driver, code func(*sets.Entry) (templates.Code, error),
) (*Engine, error) {
	client, err := constraintclient.NewClient(constraintclient.Targets(&target.K8sValidationTarget{}),
		constraintclient.Driver(driver), constraintclient.EnforcementPoints(util.WebhookEnforcementPoint))
	if err != nil {
		return nil, err
	}
	added := map[string]bool{}
	for i := range entries {
		kind := entries[i].Package
		if options.Distinct {
			kind = distinctName(&entries[i], i)
		}
		if !added[kind] {
			if err := addTemplate(client, kind, &entries[i], code); err != nil {
				return nil, fmt.Errorf("template %s: %w", kind, err)
			}
			added[kind] = true
		}
		if err := addConstraint(client, kind, &entries[i], options, i); err != nil {
			return nil, fmt.Errorf("constraint %s: %w", entries[i].Name, err)
		}
	}
	return gatekeeperEngine(name, len(entries), set, client), nil
}

func gatekeeperEngine(name string, n int, set *sets.Set, client *constraintclient.Client) *Engine {
	request, namespace := set.Request(), set.Namespace()
	judge := func(ctx context.Context) ([]*types.Result, error) {
		augmented := &target.AugmentedReview{
			AdmissionRequest: request, Namespace: namespace, Source: mutationtypes.SourceTypeOriginal, IsAdmission: true,
		}
		options := []reviews.ReviewOpt{
			reviews.EnforcementPoint(util.WebhookEnforcementPoint), reviews.Tracing(false), reviews.Stats(false),
			util.NamespaceReviewOpt(namespace, logr.Discard()),
		}
		responses, err := client.Review(ctx, augmented, options...)
		if err != nil {
			return nil, err
		}
		return responses.Results(), nil
	}
	return &Engine{
		Name: name,
		N:    n,
		Review: func(ctx context.Context) (int, error) {
			results, err := judge(ctx)
			return len(results), err
		},
		Count: func(ctx context.Context) (map[string]int, error) {
			results, err := judge(ctx)
			counts := map[string]int{}
			for _, result := range results {
				counts[result.Constraint.GetName()]++
			}
			return counts, err
		},
	}
}

func addTemplate(client *constraintclient.Client, kind string, entry *sets.Entry, code func(*sets.Entry) (templates.Code, error)) error {
	source, err := code(entry)
	if err != nil {
		return err
	}
	template := &templates.ConstraintTemplate{ObjectMeta: metav1.ObjectMeta{Name: strings.ToLower(kind)}}
	template.Spec.CRD.Spec.Names.Kind = kind
	template.Spec.CRD.Spec.Validation = &templates.Validation{
		LegacySchema:    ptr.To(false),
		OpenAPIV3Schema: &apiextensions.JSONSchemaProps{Type: "object", XPreserveUnknownFields: ptr.To(true)},
	}
	template.Spec.Targets = []templates.Target{{Target: target.Name, Code: []templates.Code{source}}}
	_, err = client.AddTemplate(context.Background(), template)
	return err
}

func addConstraint(client *constraintclient.Client, kind string, entry *sets.Entry, options GatekeeperOptions, i int) error {
	var params map[string]any
	if err := json.Unmarshal(entry.Params, &params); err != nil {
		return err
	}
	spec := map[string]any{"parameters": params}
	if options.Match != nil {
		spec["match"] = options.Match(i)
	}
	_, err := client.AddConstraint(context.Background(), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "constraints.gatekeeper.sh/v1beta1",
		"kind":       kind,
		"metadata":   map[string]any{"name": entry.Name},
		"spec":       spec,
	}})
	return err
}
