// Package injection injects defaults and labels into an instance: defaulting and labeling together, on one reading of who
// wrote what.
//
// The two meet in the record of what was injected, the annotation kroguard.io/injected. The API server may call kroguard
// again with what it has just written, so the record has to be read; but users can write it too. So what the record of the
// incoming object claims is put to the test: where the outcome does not bear a claim out, everything is decided again without
// it. What is left is the same, however often it is decided.
package injection

import (
	"github.com/kroguard/kroguard/internal/defaulting"
	"github.com/kroguard/kroguard/internal/expression"
	"github.com/kroguard/kroguard/internal/labeling"
	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/patch"
	"github.com/kroguard/kroguard/internal/project"
	"github.com/kroguard/kroguard/internal/provenance"
)

// maxTrials bounds how often claims are put to the test one after the other. One trial is enough for an honest record, two
// for one that a user has taken fields over from; only an invented record, whose claims hang on each other, takes more, and
// then loses what is true in it.
const maxTrials = 4

// Input is all that injection depends on. It is only read.
type Input struct {
	// Object is the instance as it arrived, decoded with integers as int64; OldObject the one before an UPDATE, nil on CREATE.
	Object, OldObject map[string]any
	// FieldManager is the request's options.fieldManager.
	FieldManager string
	// User is the requesting user's name; empty where it is unknown.
	User string
	// Project and Offering are nil where there is none.
	Project  *project.Project
	Offering *offering.Offering
	// Namespace is the zero value for a cluster-scoped instance.
	Namespace project.Namespace
	// Variables are what expressions read, but for Object, which is made from the field Object.
	Variables expression.Variables
	Keys      labeling.Keys
}

// Result is what to inject.
type Result struct {
	// Sets are all fields, labels and annotations to write, for patch.Operations and patch.Apply. Values that are in place
	// already may be among them.
	Sets     []patch.Set
	Defaults *defaulting.Result
	Labels   *labeling.Result
}

// Compute decides what the instance gets. It never fails: what can't be evaluated is reported as skipped. It is a pure
// function, and computed again for an instance with the result in place it finds nothing to do.
func Compute(in Input) *Result {
	change := defaulting.Examine(in.Object, in.OldObject, in.FieldManager, in.Offering)
	for trial := 1; ; trial++ {
		result := decide(in, change)
		refuted := change.Refuted(result.Labels.Claims)
		if len(refuted) == 0 {
			return result
		}
		if trial >= maxTrials {
			refuted = change.Incoming()
		}
		change = change.Without(refuted)
	}
}

// decide computes defaults and labels on one reading of the provenance.
func decide(in Input, change *provenance.Change) *Result {
	name := ""
	if in.Project != nil {
		name = in.Project.Name
	}
	defaults := defaulting.Compute(defaulting.Input{
		Change: change, Offering: in.Offering, ProjectName: name, Variables: in.Variables,
	})
	sets := defaults.Sets()
	labels := labeling.Compute(labeling.Input{
		Change: change, Object: patch.Apply(in.Object, sets), Fields: defaults.Claims(),
		Project: in.Project, Offering: in.Offering, Namespace: in.Namespace,
		Variables: in.Variables, User: in.User, Keys: in.Keys,
	})
	return &Result{Sets: append(sets, labels.Sets...), Defaults: defaults, Labels: labels}
}
