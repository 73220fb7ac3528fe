package labeling

import (
	"maps"
	"slices"

	"github.com/kroguard/kroguard/internal/expression"
	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/patch"
	"github.com/kroguard/kroguard/internal/project"
	"github.com/kroguard/kroguard/internal/provenance"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// Input is all that labels and annotations depend on. It is only read.
type Input struct {
	// Change has the object as it arrived, the old object, and who wrote what. Never nil.
	Change *provenance.Change
	// Object is the instance with its defaults in place, which is what label templates see.
	Object map[string]any
	// Fields are the claims for spec fields, from defaulting.
	Fields provenance.Claims
	// Project and Offering are nil where there is none.
	Project  *project.Project
	Offering *offering.Offering
	// Namespace is the zero value for a cluster-scoped instance.
	Namespace project.Namespace
	// Variables are what label templates read, but for Object, which is made from the field Object.
	Variables expression.Variables
	// User is the requesting user's name; empty where it is unknown, as it is offline.
	User string
	Keys Keys
}

// Result is what to write.
type Result struct {
	// Sets are the labels and annotations to write, sorted by path. Values that are in place already may be among them.
	Sets []patch.Set
	// Claims are what kroguard has injected into the instance by now, fields and labels; they are recorded in Sets.
	Claims provenance.Claims
	// Skipped are the label templates that failed, by key.
	Skipped []Skipped
}

// Skipped is one label that could not be computed.
type Skipped struct {
	Key, Source string
	// Reason is one line for people.
	Reason string
}

// Compute decides which labels and annotations the instance gets. It never fails: a label template that can't be evaluated
// only decorates, and is reported as skipped.
//
// Computed again for an instance with the result in place, it yields the same result.
func Compute(in Input) *Result {
	l := &labeler{in: &in, sources: newSources(&in), labels: map[string]string{}, claims: provenance.Claims{}}
	maps.Copy(l.claims, in.Fields)
	follows := Follows(in.Project, in.Offering)
	for key, want := range follows {
		l.follow(key, want)
	}
	for _, key := range l.candidates() {
		if _, ok := follows[key]; !ok {
			l.decide(key)
		}
	}
	return &Result{Sets: l.sets(), Claims: l.claims, Skipped: l.sources.skipped}
}

// labeler collects the labels of one instance.
type labeler struct {
	in      *Input
	sources *sources
	labels  map[string]string
	claims  provenance.Claims
}

// candidates are the labels that have a source, and those that were injected before and stick without one; sorted.
func (l *labeler) candidates() []string {
	keys := l.sources.keys()
	for claim := range l.in.Change.Trusted() {
		if path, err := provenance.Parse(claim); err == nil && path[0] == "labels" && !reserved(path[1]) {
			keys = append(keys, path[1])
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// follow writes a label that follows the project. A user's own other value stays, for validation to refuse; one that
// kroguard injected, and nobody touched, is replaced.
func (l *labeler) follow(key, want string) {
	change, path := l.in.Change, labelPath(key)
	source := l.followed(key)
	got, present := labelOf(change.Object(), key)
	claim := provenance.ClaimKey(path)
	trusted, incoming := change.Trusted()[claim] != "", change.Incoming()[claim] != ""
	before, _ := labelOf(change.OldObject(), key)
	switch {
	case change.Declared(path):
	case !present && want != "":
		l.inject(key, want, source)
	case present && got == want && (incoming || trusted && before == got):
		l.inject(key, want, source)
	case present && got != want && trusted && before == got:
		l.inject(key, want, source)
	}
}

// followed is the source of a label that follows the project.
func (l *labeler) followed(key string) string {
	switch {
	case key == v1alpha1.LabelOffering:
		return sourceOffering(l.in.Offering)
	case l.in.Project == nil:
		return "no project"
	}
	return sourceProject(l.in.Project)
}

// decide writes a label that is the user's to choose, where the user didn't.
func (l *labeler) decide(key string) {
	change, path := l.in.Change, labelPath(key)
	claim := provenance.ClaimKey(path)
	switch change.Origin(path) {
	case provenance.Injected:
		if before, ok := labelOf(change.OldObject(), key); ok {
			l.inject(key, before, change.Trusted()[claim])
		}
	case provenance.Open:
		found := l.sources.lookup(key)
		got, present := labelOf(change.Object(), key)
		// A label that is there is open only where the incoming record claims it: true if it is what would be injected.
		if found.value == "" || present && (got != found.value || change.Incoming()[claim] != found.source) {
			return
		}
		l.inject(key, found.value, found.source)
	case provenance.Written, provenance.Settled:
	}
}

func (l *labeler) inject(key, value, source string) {
	l.labels[key] = value
	l.claims[provenance.ClaimKey(labelPath(key))] = source
}

// sets are the labels and the annotations, sorted by path.
func (l *labeler) sets() []patch.Set {
	var sets []patch.Set
	if text, ok := l.record(); ok {
		sets = append(sets, patch.Set{Path: annotationPath(v1alpha1.AnnotationInjected), Value: text})
	}
	if user, ok := l.createdBy(); ok {
		sets = append(sets, patch.Set{Path: annotationPath(v1alpha1.AnnotationCreatedBy), Value: user})
	}
	for key, value := range l.labels {
		sets = append(sets, patch.Set{Path: labelPath(key), Value: value})
	}
	slices.SortFunc(sets, func(a, b patch.Set) int { return slices.Compare(a.Path, b.Path) })
	return sets
}

// record is the annotation kroguard.io/injected. Where nothing was injected it isn't written, unless to correct one that is
// there.
func (l *labeler) record() (string, bool) {
	_, present := patch.Get(l.in.Change.Object(), annotationPath(v1alpha1.AnnotationInjected))
	return l.claims.String(), present || len(l.claims) > 0
}

// createdBy is the annotation kroguard.io/created-by: who made the CREATE request, whatever the manifest says. An UPDATE
// keeps it; where there was none, one that an UPDATE brings is emptied, since nobody knows.
func (l *labeler) createdBy() (string, bool) {
	change, path := l.in.Change, annotationPath(v1alpha1.AnnotationCreatedBy)
	if change.Creates() {
		return l.in.User, l.in.User != ""
	}
	before, _ := patch.Get(change.OldObject(), path)
	_, present := patch.Get(change.Object(), path)
	user, _ := before.(string)
	return user, user != "" || present
}

func annotationPath(key string) []string { return []string{"metadata", "annotations", key} }
