package gatekeeper

import (
	"context"
	"fmt"
	"slices"

	admissionv1 "k8s.io/api/admission/v1"

	"github.com/kroguard/kroguard/policies"
)

// PolicySource is where the policies come from, as messages and metrics name it.
const PolicySource = "Gatekeeper"

// Program specializes the template for the constraint. The inventory may be nil; another one costs no compilation of Rego that the
// machine runs.
func (c *Constraint) Program(ctx context.Context, inventory *Inventory) (policies.Program, error) {
	if c.Template.cel != nil {
		return c.Template.cel.Program(c.Object), nil
	}
	specialized, err := c.specialized()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConstraint, err)
	}
	return specialized.Program(ctx, inventory.regoDocument())
}

// policy is the constraint as a policy at admission; ok is false where it is not for that.
func (c *Constraint) policy(ctx context.Context, inventory *Inventory, exempt exemptions) (policy policies.Policy, ok bool) {
	actions := c.Actions(PointAdmission)
	if len(actions) == 0 {
		return policies.Policy{}, false
	}
	policy = policies.Policy{
		Source: PolicySource, Name: c.Template.Kind + "/" + c.Name, Title: c.Template.Title, Actions: actions,
		Ignore: c.Template.IgnoresErrors, Engine: c.Template.Engine,
		Matches: func(in *policies.Input) (bool, error) {
			if exempt.cover(in) {
				return false, nil
			}
			return c.matchesInput(in)
		},
	}
	policy.Program, policy.Err = c.Program(ctx, inventory)
	return policy, true
}

// matchesInput reports whether the constraint is for an object at admission. The error is a policies.UnknownError where that depends on
// what nobody can tell yet.
func (c *Constraint) matchesInput(in *policies.Input) (bool, error) {
	if operations := c.Template.operations; len(operations) > 0 && !slices.Contains(operations, "*") &&
		!slices.Contains(operations, string(in.Request.Operation)) {
		return false, nil
	}
	subject := Subject{Object: in.Object, OldObject: in.OldObject, Source: SourceOriginal}
	if in.Request.Operation == admissionv1.Delete {
		subject.Object = in.OldObject
	}
	if in.Request.Namespace != "" {
		subject.Namespace = in.Namespace
	}
	holds, err := c.Matches(&subject)
	if fields := c.match.unsure(in); len(fields) > 0 && c.match.kindHolds(metaOf(in.Object).gvk) {
		return false, &policies.UnknownError{DependsOn: fields}
	}
	return holds, err
}
