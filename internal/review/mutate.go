package review

import (
	"encoding/json"

	"gomodules.xyz/jsonpatch/v2"

	"github.com/kroguard/kroguard/internal/injection"
	"github.com/kroguard/kroguard/internal/patch"
	"github.com/kroguard/kroguard/internal/provenance"
)

// Mutation is the outcome of Mutate.
type Mutation struct {
	// Operations are the patch: only "add", in an order in which they apply; nil where nothing changes.
	Operations []jsonpatch.Operation
	// Object is the instance with the patch applied; the request's own object where nothing changes. Read only.
	Object map[string]any
	// Skipped are the defaults and labels that could not be injected.
	Skipped []Skipped
}

// Skipped is a default or label that was left out.
type Skipped struct {
	// Field is its path in the instance, Source what it would have come from, Reason one line for people.
	Field  string `json:"field"`
	Source string `json:"source"`
	Reason string `json:"reason"`
}

// Mutate injects defaults and labels. It is a pure function of the request and the snapshot, and idempotent: for an object with
// the patch applied there is no operation left. It fails open: what can't be injected is left out and named in Skipped.
//
// What is being deleted, what kro writes for its own bookkeeping, and an instance whose offering can't be told are left as they
// are.
func (s *Snapshot) Mutate(request *Request) *Mutation {
	untouched := &Mutation{Object: request.Object}
	if request.deleting() {
		return untouched
	}
	at := s.locate(request)
	if !at.injectable(request) || at.byKro(s.Settings, request) && !request.changed(nil) {
		return untouched
	}
	result := injection.Compute(injection.Input{
		Object: request.Object, OldObject: request.OldObject,
		FieldManager: request.fieldManager(), User: request.Admission.UserInfo.Username,
		Project: at.project, Offering: at.offering, Namespace: at.projectNamespace(),
		Variables: at.variables(), Keys: s.Settings.LabelKeys,
	})
	mutation := &Mutation{
		Operations: patch.Operations(request.Object, result.Sets), Object: request.Object, Skipped: skipped(result),
	}
	if len(mutation.Operations) > 0 {
		mutation.Object = patch.Apply(request.Object, result.Sets)
	}
	return mutation
}

// fieldManager is the manager of the request's options; empty where it has none.
func (r *Request) fieldManager() string {
	if len(r.Admission.Options.Raw) == 0 {
		return ""
	}
	var options struct {
		FieldManager string `json:"fieldManager"`
	}
	if err := json.Unmarshal(r.Admission.Options.Raw, &options); err != nil {
		return ""
	}
	return options.FieldManager
}

func skipped(result *injection.Result) []Skipped {
	var all []Skipped
	for _, s := range result.Defaults.Skipped {
		all = append(all, Skipped{Field: provenance.Format(s.Path), Source: s.Source, Reason: s.Reason})
	}
	for _, s := range result.Labels.Skipped {
		all = append(all, Skipped{Field: provenance.Format([]string{"metadata", "labels", s.Key}), Source: s.Source, Reason: s.Reason})
	}
	return all
}
