package render

import (
	"fmt"

	"github.com/kubernetes-sigs/kro/pkg/graph"
)

const (
	// DefaultMaxResources bounds the resources of one instance, those of nested instances included. kro's own controller
	// creates at most 1,000 for one forEach; an instance that means more than some thousand objects has no place in a
	// developer's namespace.
	DefaultMaxResources = 5_000
	// DefaultMaxBytes bounds the rendered objects of one instance, as JSON. etcd takes 1.5 MiB for one object; this is ten of the
	// largest, or 5,000 of 3 KiB.
	DefaultMaxBytes = 16 << 20
	// DefaultMaxSteps bounds what the expressions of one instance do: an element that a macro visits, a value that a function
	// is passed within one, 64 bytes of text, count one each. It is about half a second, and, as a step may keep a value, keeps
	// memory within some hundred megabytes.
	DefaultMaxSteps = 2_000_000
	// DefaultMaxDepth bounds how deep instances nest. Platforms nest two or three levels.
	DefaultMaxDepth = 8

	// maxCollectionSize and maxCollectionDimensions are kro's own limits, by its controller's flags --rgd-max-collection-size and
	// --rgd-max-collection-dimension-size. Beyond the first, kro creates nothing at all.
	maxCollectionSize       = 1_000
	maxCollectionDimensions = 10
)

// Limits bound what rendering one instance may take. A zero field has its default. The deadline is the context's.
type Limits struct {
	MaxResources, MaxBytes, MaxSteps, MaxDepth int
}

func (l Limits) withDefaults() Limits {
	for _, limit := range []struct {
		value    *int
		standard int
	}{
		{&l.MaxResources, DefaultMaxResources}, {&l.MaxBytes, DefaultMaxBytes}, {&l.MaxSteps, DefaultMaxSteps},
		{&l.MaxDepth, DefaultMaxDepth},
	} {
		if *limit.value <= 0 {
			*limit.value = limit.standard
		}
	}
	return l
}

func kroConfig() graph.Config {
	return graph.Config{MaxCollectionSize: maxCollectionSize, MaxCollectionDimensionSize: maxCollectionDimensions}
}

// Limit names a limit.
type Limit string

// The limits.
const (
	LimitResources  Limit = "resources"
	LimitBytes      Limit = "bytes"
	LimitSteps      Limit = "steps"
	LimitCollection Limit = "collection size"
	LimitDeadline   Limit = "deadline"
)

// LimitError says that rendering an instance takes more than it may.
type LimitError struct {
	// Offering is the RGD, Node the node at which it was noticed, which may be empty.
	Offering, Node string
	Limit          Limit
	// Max is the limit, Asked what was asked for, at least. Both are 0 for LimitDeadline.
	Max, Asked int
	// Cause is the context's error for LimitDeadline.
	Cause error
}

// Error says which limit, and what was asked for.
func (e *LimitError) Error() string {
	where := fmt.Sprintf("ResourceGraphDefinition %q", e.Offering)
	if e.Node != "" {
		where += fmt.Sprintf(", resource %q", e.Node)
	}
	switch e.Limit {
	case LimitDeadline:
		return fmt.Sprintf("%s: rendering takes too long: %v", where, e.Cause)
	case LimitSteps:
		return fmt.Sprintf("%s: the expressions take more than %d steps for this instance", where, e.Max)
	case LimitBytes:
		return fmt.Sprintf("%s: the resources of this instance take more than %d bytes", where, e.Max)
	case LimitCollection:
		return fmt.Sprintf("%s: forEach asks for %d resources, kro creates at most %d for one", where, e.Asked, e.Max)
	default:
		return fmt.Sprintf("%s: the instance asks for more than %d resources", where, e.Max)
	}
}

// Unwrap is the context's error for LimitDeadline.
func (e *LimitError) Unwrap() error { return e.Cause }
