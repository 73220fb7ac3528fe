package policies

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// judgement is one run of a Set on one input.
type judgement struct {
	ctx     context.Context //nolint:containedctx // it lives as long as one call
	in      *Input
	sub     *subject
	clock   *watch
	now     time.Time
	verdict *Verdict
}

// guardrail judges by a guardrail that matches, and files what it finds.
func (j *judgement) guardrail(g *setEntry) {
	before := j.verdict.tally()
	var failed bool
	if g.resources == nil {
		failed = j.instance(g)
	} else {
		failed = j.resources(g, g.resources.holds, (*Input).forUser)
	}
	j.observe(g, before, failed)
}

// policy judges the instance and all its resources by a policy.
func (j *judgement) policy(g *setEntry) {
	before := j.verdict.tally()
	failed := j.instance(g)
	if j.in.renderer != nil {
		failed = j.resources(g, nil, (*Input).forApplier) || failed
	}
	j.observe(g, before, failed)
}

// observe tells what came of a guardrail or policy. Every lap of the clock is somebody's.
func (j *judgement) observe(g *setEntry, before Evaluation, failed bool) {
	took := j.clock.lap()
	if g.observer == nil {
		return
	}
	evaluation := j.verdict.tally().since(before)
	evaluation.Took, evaluation.Failed = took, failed
	g.observer.Evaluated(evaluation)
}

// instance judges the instance itself and reports whether that failed.
func (j *judgement) instance(g *setEntry) (failed bool) {
	findings, err := g.evaluate(j.clock, j.in)
	explain(findings, nil)
	if len(findings) > 0 || err != nil {
		g.report(j.verdict, resourceOf(j.in), limited(findings), err, j.exception(g))
	}
	return err != nil
}

// resources judges each rendered resource and reports whether that failed. A policy has no filter: it matches by objects.
func (j *judgement) resources(
	g *setEntry, holds func(schema.GroupVersionKind) bool, inputOf func(*Input, *resourceInputs, int) *Input,
) (failed bool) {
	inputs, err := j.in.resources(j.ctx)
	if err != nil {
		g.report(j.verdict, resourceOf(j.in), nil, err, j.exception(g))
		return true
	}
	left := MaxFindingsPerGuardrail
	for i := range inputs.rendering.Resources {
		resource := &inputs.rendering.Resources[i]
		if holds != nil && !holds(resource.GVK) {
			continue
		}
		findings, err := j.resource(g, resource, inputs, i, inputOf)
		if len(findings) == 0 && err == nil {
			continue
		}
		explain(findings, resource)
		// One at least, which may be the only one that refuses.
		findings = limitedTo(findings, max(left, 1))
		g.report(j.verdict, refOf(resource), findings, err, j.exception(g))
		left -= len(findings)
		failed = failed || err != nil
	}
	return failed
}

// resource judges one rendered resource. Of one that may or may not be there nobody can say that it is in order; a policy, which
// can't tell by the kind alone whether it is meant, leaves that to the day when there is something to look at.
func (j *judgement) resource(
	g *setEntry, resource *RenderedResource, inputs *resourceInputs, i int, inputOf func(*Input, *resourceInputs, int) *Input,
) ([]Finding, error) {
	switch {
	case resource.Judged():
		return g.evaluate(j.clock, inputOf(j.in, inputs, i))
	case resource.State == ResourceUnknown && g.matches == nil:
		return []Finding{{Unknown: true, Message: resource.Reason}}, nil
	default:
		return nil, nil
	}
}

func (j *judgement) exception(g *setEntry) string { return g.exceptionFor(j.sub, j.now) }

// explain adds to findings that may turn out to be none what they wait for. They are of a rendered resource, or of the instance, which
// has no unresolved fields itself, where resource is nil.
func explain(findings []Finding, resource *RenderedResource) {
	for i := range findings {
		finding := &findings[i]
		switch {
		case !finding.Unknown || resource != nil && resource.State == ResourceUnknown:
		case resource == nil:
			finding.Message = fmt.Sprintf("nobody can tell yet, since it depends on %s: %s",
				orElse(shown(finding.DependsOn), "what is not there yet"), finding.Message)
		default:
			finding.Message = fmt.Sprintf("nobody can tell yet, since %s: %s", waits(resource, finding.DependsOn), finding.Message)
		}
	}
}

// maxWaitsShown is how many fields and nodes are named that something waits for: the rest is the same story.
const maxWaitsShown = 3

// waits says which fields wait for what: those named, or all.
func waits(resource *RenderedResource, dependsOn []string) string {
	fields := dependsOn
	var nodes []string
	for i := range resource.Unresolved {
		field := &resource.Unresolved[i]
		path := field.Path.String()
		switch {
		case len(dependsOn) == 0:
			fields = append(fields, path)
		case !slices.Contains(dependsOn, path):
			continue
		}
		nodes = append(nodes, field.WaitsFor...)
	}
	slices.Sort(nodes)
	nodes = slices.Compact(nodes)
	verb := "waits for"
	if len(fields) > 1 {
		verb = "wait for"
	}
	if len(nodes) == 0 {
		return shown(fields) + " " + verb + " what is not there yet"
	}
	for i := range nodes {
		nodes[i] = strconv.Quote(nodes[i])
	}
	return shown(fields) + " " + verb + " " + shown(nodes)
}

// shown lists the first of many names.
func shown(names []string) string {
	if more := len(names) - maxWaitsShown; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxWaitsShown], ", "), more)
	}
	return strings.Join(names, ", ")
}

// refOf names a rendered resource.
func refOf(r *RenderedResource) ResourceRef {
	return ResourceRef{
		APIVersion: r.GVK.GroupVersion().String(), Kind: r.GVK.Kind,
		Namespace: stringAt(r.Object, "metadata", "namespace"), Name: stringAt(r.Object, "metadata", "name"),
		Node: r.Node,
	}
}
