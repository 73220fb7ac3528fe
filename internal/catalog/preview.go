package catalog

import (
	"context"
	"errors"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/validation"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/plan"
	"github.com/kroguard/kroguard/internal/review"
)

// ErrNotFound says that the catalog has no such offering.
var ErrNotFound = errors.New("the catalog has no such offering")

// Request is an instance that somebody wants.
type Request struct {
	Namespace, Offering string
	// Name is what it is called; empty is "example".
	Name string
	// Values are those of its fields, as texts by path; see ParseValues.
	Values map[string][]string
	// Caller is who wants it; nil is nobody.
	Caller *Caller
}

// Preview is what would become of it.
type Preview struct {
	*plan.Plan

	// Manifest is the YAML of the instance: what is to be committed.
	Manifest string `json:"manifest"`
	// Errors are what the API server's schema says of it, after what is filled in.
	Errors []FieldError `json:"errors"`
}

// Write makes the manifest of an instance. The error is ErrNotFound or a ValuesError.
func Write(ctx context.Context, s *review.Snapshot, wanted *Request) ([]byte, error) {
	o, request, err := instance(ctx, s, wanted)
	if err != nil {
		return nil, err
	}
	return Manifest(o, request.Object)
}

// MakePreview tells what would become of an instance. The error is ErrNotFound or a ValuesError, or the context's.
func MakePreview(ctx context.Context, s *review.Snapshot, wanted *Request, now time.Time) (*Preview, error) {
	o, request, err := instance(ctx, s, wanted)
	if err != nil {
		return nil, err
	}
	text, err := Manifest(o, request.Object)
	if err != nil {
		return nil, err
	}
	planned, err := plan.Make(ctx, s, request, wanted.Caller.rights(), now)
	if err != nil {
		return nil, err
	}
	preview := &Preview{Plan: planned, Manifest: string(text), Errors: []FieldError{}}
	for _, problem := range o.ValidateSpec(planned.Admitted) {
		preview.Errors = append(preview.Errors, FieldError{Field: problem.Field, Message: problem.ErrorBody()})
	}
	// An API server asks its schema before it asks webhooks that validate.
	if len(preview.Errors) > 0 {
		preview.Allowed = false
	}
	return preview, nil
}

// instance is the CREATE of what is wanted.
func instance(ctx context.Context, s *review.Snapshot, wanted *Request) (*offering.Offering, *review.Request, error) {
	o, err := find(ctx, s, wanted.Namespace, wanted.Offering, wanted.Caller)
	if err != nil {
		return nil, nil, err
	}
	name := wanted.Name
	if name == "" {
		name = exampleName
	}
	if problems := validation.NameIsDNSSubdomain(name, false); len(problems) > 0 {
		return nil, nil, ValuesError{{Field: "metadata.name", Message: strings.Join(problems, "; ")}}
	}
	spec, err := ParseValues(o, wanted.Values)
	if err != nil {
		return nil, nil, err
	}
	request := review.NewInstance(o, wanted.Namespace, name, map[string]any{"spec": spec})
	request.Admission.UserInfo = wanted.Caller.userInfo()
	return o, request, nil
}

// unmarshal reads JSON with integers as int64.
func unmarshal(raw []byte, into *map[string]any) error { return utiljson.Unmarshal(raw, into) }
