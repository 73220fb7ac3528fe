package docs

import (
	"context"
	"encoding/json"
	"maps"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/rego"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// compareStored compares the latest instance, as it is stored, with a block.
func (c *examples) compareStored(ctx context.Context, i int) {
	if c.last == nil {
		c.fail(i, "no instance stands above")
		return
	}
	got, _, err := apply(ctx, c.snapshot, c.last)
	if err != nil {
		c.fail(i, "%v", err)
		return
	}
	want, err := decodeInstance([]byte(c.page.Blocks[i].Text))
	if err != nil {
		c.fail(i, "%v", err)
		return
	}
	if diff := cmp.Diff(want.instance, stored(got)); diff != "" {
		text, _ := yaml.Marshal(stored(got))
		c.fail(i, "the instance is stored otherwise (-page +kroguard):\n%s\n%s", diff, text)
	}
}

// compareInput compares the input document for the latest instance with a block.
func (c *examples) compareInput(ctx context.Context, i int) {
	if c.last == nil {
		c.fail(i, "no instance stands above")
		return
	}
	got, err := c.input(ctx, c.page.Blocks[i].Text)
	if err != nil {
		c.fail(i, "%v", err)
		return
	}
	var want any
	if err := json.Unmarshal([]byte(c.page.Blocks[i].Text), &want); err != nil {
		c.fail(i, "%v", err)
		return
	}
	if diff := cmp.Diff(want, elide(got, want)); diff != "" {
		text, _ := json.MarshalIndent(got, "", "  ")
		c.fail(i, "the input is another one (-page +kroguard):\n%s\n%s", diff, text)
	}
}

// input is the input document for the latest instance, without kubectl's manifest: a guardrail tells it in its details. Its
// parameters are those of the text, since no guardrail stands behind them.
func (c *examples) input(ctx context.Context, text string) (any, error) {
	var shown struct {
		Parameters *json.RawMessage `json:"parameters"`
	}
	if err := json.Unmarshal([]byte(text), &shown); err != nil {
		return nil, err
	}
	teller := &v1alpha1.Guardrail{Spec: v1alpha1.GuardrailSpec{Rego: &v1alpha1.RegoPolicy{Modules: []v1alpha1.RegoModule{{
		Name: "tell.rego", Source: "package tell\n\nviolation contains {\"msg\": \"told\", \"details\": input} if true\n",
	}}}}}
	if shown.Parameters != nil {
		if err := json.Unmarshal([]byte(`{"params":`+string(*shown.Parameters)+`}`), &teller.Spec); err != nil {
			return nil, err
		}
	}
	driver := rego.New(rego.Options{})
	snapshot := *c.snapshot
	snapshot.Guardrails = policies.NewCompiler(nil, driver).Compile(ctx, []*v1alpha1.Guardrail{teller}, nil)
	_, decision, err := apply(ctx, &snapshot, c.last)
	if err != nil {
		return nil, err
	}
	plain, err := json.Marshal(decision.Verdict.Denied[0].Details)
	if err != nil {
		return nil, err
	}
	var told struct {
		Review     map[string]any `json:"review"`
		Instance   map[string]any `json:"instance"`
		Parameters any            `json:"parameters"`
		Project    any            `json:"project"`
		Offering   any            `json:"offering"`
	}
	if err := json.Unmarshal(plain, &told); err != nil {
		return nil, err
	}
	if object, ok := told.Review["object"].(map[string]any); ok {
		told.Review["object"] = stored(object)
	}
	return map[string]any{
		"review": told.Review, "instance": stored(told.Instance), "parameters": told.Parameters,
		"project": told.Project, "offering": told.Offering,
	}, nil
}

// elided stands in an input document for any value.
const elided = "..."

// elide is a JSON value in which what the page leaves out is left out.
func elide(got, want any) any {
	switch w := want.(type) {
	case string:
		if w == elided {
			return elided
		}
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return got
		}
		left := maps.Clone(g)
		for name, value := range w {
			if inner, ok := g[name]; ok {
				left[name] = elide(inner, value)
			}
		}
		return left
	}
	return got
}
