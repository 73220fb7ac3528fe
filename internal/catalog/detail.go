package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/plan"
	"github.com/kroguard/kroguard/internal/provenance"
	"github.com/kroguard/kroguard/internal/render"
	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/policies"
)

// exampleName is what examples are called.
const exampleName = "example"

// sourceSchema is where a default comes from that is the API's own.
const sourceSchema = "schema"

// Detail is all of an offering in a namespace.
type Detail struct {
	Offering

	// Project is the one that the namespace belongs to; empty for none.
	Project string `json:"project,omitempty"`
	// Schema is the OpenAPI v3 schema of an instance; null where it can't be told.
	Schema json.RawMessage `json:"schema"`
	// Defaults are the fields that an instance gets which says nothing, Labels its labels, both by field.
	Defaults []Value `json:"defaults"`
	Labels   []Value `json:"labels"`
	// Skipped are defaults and labels that depend on what an instance says.
	Skipped []review.Skipped `json:"skipped,omitempty"`
	// Guardrails are those that may judge an instance here, and the policies of other engines that judge a minimal one.
	Guardrails []policies.Rule `json:"guardrails"`
	// OnlyWhen are the fields that matter only where something else holds.
	OnlyWhen []render.Condition `json:"onlyWhen"`
	// Creates are the kinds that a minimal instance becomes; CreatesError why that can't be told.
	Creates      []Created `json:"creates"`
	CreatesError string    `json:"createsError,omitempty"`
	// ExtendedBy are the offerings of the catalog that extend this one's kind.
	ExtendedBy []string `json:"extendedBy"`
	// Examples are manifests; one that nobody can make valid is missing.
	Examples Examples `json:"examples"`
}

// Value is a field that kroguard or the API fills in.
type Value struct {
	// Field is its path, as spec.logging.level or metadata.labels.team.
	Field string `json:"field"`
	Value any    `json:"value"`
	// Source is "schema", "defaults", "defaults.<project>", "project <name>", and so on.
	Source string `json:"source"`
}

// Created is a kind that an instance becomes.
type Created struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Count is how many; States are the states that they are in.
	Count  int                      `json:"count"`
	States []policies.ResourceState `json:"states"`
}

// Examples are manifests in YAML.
type Examples struct {
	// Minimal says what has to be said, Full everything.
	Minimal string `json:"minimal,omitempty"`
	Full    string `json:"full,omitempty"`
}

// Describe tells all of an offering in a namespace. The error is ErrNotFound, or the context's.
func Describe(ctx context.Context, s *review.Snapshot, namespace, name string, caller *Caller, now time.Time) (*Detail, error) {
	o, err := find(ctx, s, namespace, name, caller)
	if err != nil {
		return nil, err
	}
	detail := &Detail{
		Offering: summary(o, s.Refuser(namespace)),
		Defaults: []Value{}, Labels: []Value{}, Creates: []Created{}, OnlyWhen: []render.Condition{}, Schema: json.RawMessage("null"),
	}
	if s.Graphs != nil {
		if graph, err := s.Graphs.Graph(o.GVK.GroupKind()); err == nil {
			detail.OnlyWhen = graph.Conditions()
		}
	}
	if o.Schema != nil {
		text, err := json.Marshal(o.Schema.ToKubeOpenAPI())
		if err != nil {
			return nil, fmt.Errorf("writing the schema: %w", err)
		}
		detail.Schema = text
	}
	if detail.ExtendedBy, err = extending(ctx, s, o, namespace, caller); err != nil {
		return nil, err
	}
	request := func(spec map[string]any) *review.Request {
		made := review.NewInstance(o, namespace, exampleName, map[string]any{"spec": spec})
		made.Admission.UserInfo = caller.userInfo()
		return made
	}
	bare, err := plan.Make(ctx, s, request(map[string]any{}), caller.rights(), now)
	if err != nil {
		return nil, err
	}
	detail.Project, detail.Skipped = bare.Project, bare.Skipped
	detail.values(bare.Admitted)
	given, _ := bare.Admitted["spec"].(map[string]any)
	minimal := request(exampleSpec(o, given, false))
	if detail.Examples.Minimal, err = example(o, minimal, given); err != nil {
		return nil, err
	}
	if detail.Examples.Full, err = example(o, request(exampleSpec(o, given, true)), given); err != nil {
		return nil, err
	}
	planned, err := plan.Make(ctx, s, minimal, caller.rights(), now)
	if err != nil {
		return nil, err
	}
	detail.Creates, detail.CreatesError = created(planned), planned.RenderError
	judged := *minimal
	judged.Object = planned.Admitted
	detail.Guardrails = s.Rules(ctx, &judged)
	return detail, nil
}

// example is a manifest, if the schema allows it together with what is filled in.
func example(o *offering.Offering, request *review.Request, given map[string]any) (string, error) {
	if o.Schema == nil {
		return "", nil
	}
	own, _ := request.Object["spec"].(map[string]any)
	if errs := o.ValidateSpec(map[string]any{"spec": merged(given, own)}); len(errs) > 0 {
		return "", nil
	}
	text, err := Manifest(o, request.Object)
	return string(text), err
}

// merged is what is given with what is written over it.
func merged(given, written map[string]any) map[string]any {
	all := maps.Clone(given)
	if all == nil {
		all = map[string]any{}
	}
	for name, value := range written {
		below, ok := value.(map[string]any)
		if under, both := all[name].(map[string]any); ok && both {
			value = merged(under, below)
		}
		all[name] = value
	}
	return all
}

// values notes what an instance has that says nothing.
func (d *Detail) values(admitted map[string]any) {
	claims := provenance.ReadClaims(admitted)
	if spec, ok := admitted["spec"].(map[string]any); ok {
		leaves(spec, []string{"spec"}, func(path []string, value any) {
			source := claims[provenance.ClaimKey(path)]
			if source == "" {
				source = sourceSchema
			}
			d.Defaults = append(d.Defaults, Value{Field: provenance.Format(path), Value: value, Source: source})
		})
	}
	d.Labels = labelsOf(admitted)
}

// labelsOf are the labels that an instance gets.
func labelsOf(admitted map[string]any) []Value {
	claims, labels := provenance.ReadClaims(admitted), []Value{}
	metadata, _ := admitted["metadata"].(map[string]any)
	values, _ := metadata["labels"].(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(values)) {
		path := []string{"metadata", "labels", key}
		if source := claims[provenance.ClaimKey(path)]; source != "" {
			labels = append(labels, Value{Field: provenance.Format(path), Value: values[key], Source: source})
		}
	}
	return labels
}

// leaves visits what is in an object, by path; arrays and empty objects are taken whole.
func leaves(object map[string]any, path []string, visit func(path []string, value any)) {
	for _, name := range slices.Sorted(maps.Keys(object)) {
		at := append(slices.Clone(path), name)
		if below, ok := object[name].(map[string]any); ok && len(below) > 0 {
			leaves(below, at, visit)
			continue
		}
		visit(at, object[name])
	}
}

// created are the kinds of a plan, in the order of the graph.
func created(planned *plan.Plan) []Created {
	kinds := []Created{}
	for i := range planned.Resources {
		r := &planned.Resources[i]
		at := slices.IndexFunc(kinds, func(c Created) bool { return c.APIVersion == r.APIVersion && c.Kind == r.Kind })
		if at < 0 {
			at = len(kinds)
			kinds = append(kinds, Created{APIVersion: r.APIVersion, Kind: r.Kind})
		}
		kinds[at].Count++
		if !slices.Contains(kinds[at].States, r.State) {
			kinds[at].States = append(kinds[at].States, r.State)
		}
	}
	return kinds
}

// extending are the offerings of the catalog that extend an offering's kind, and that the caller may create.
func extending(ctx context.Context, s *review.Snapshot, o *offering.Offering, namespace string, caller *Caller) ([]string, error) {
	others := slices.DeleteFunc(published(s), func(other *offering.Offering) bool {
		return other == o || !slices.Contains(other.ExtendsKinds, o.GVK.Kind)
	})
	may, err := caller.mayCreate(ctx, others, namespace)
	names := []string{}
	for i, other := range others {
		if err == nil && may[i] {
			names = append(names, other.Name)
		}
	}
	return names, err
}
