package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kroguard/kroguard/test/e2e/harness"
)

// demo plays its scenes on a harness.
type demo struct {
	*harness.Harness

	terminal *terminal
	// catalog is the catalog's address.
	catalog string
}

// scene is one thing to show.
type scene struct {
	title string
	play  func(ctx context.Context) error
}

func (d *demo) scenes() []scene {
	return []scene{
		{"The platform team publishes an offering, a project and guardrails", d.platform},
		{"A developer applies a manifest: defaults and labels are injected, kro creates the Deployment", d.accepted},
		{"Another one is refused: every violation at once, of CEL and of Rego", d.refused},
		{"What an instance would become is judged, too, before anything exists", d.rendered},
		{"A warning does not stand in the way", d.warned},
		{"The same manifest again, as GitOps does it: nothing changes", d.unchanged},
		{"An exception lets one through", d.excepted},
		{"The catalog tells what may be created in a namespace", d.browsed},
	}
}

func (d *demo) platform(ctx context.Context) error {
	d.show("platform", "webapp.yaml")
	for _, file := range []string{"webapp.yaml", "project.yaml", "guardrails.yaml"} {
		if err := d.succeeds(ctx, expect{contains: []string{"created"}}, "apply", "-f", sample("platform", file)); err != nil {
			return err
		}
	}
	if err := d.settle(ctx, "guardrails", "guardrails", "--all"); err != nil {
		return err
	}
	if err := d.settle(ctx, "the RGD", "rgd/webapp"); err != nil {
		return err
	}
	if err := d.succeeds(ctx, expect{contains: []string{"CEL", "Rego", "True"}}, "get", "guardrails"); err != nil {
		return err
	}
	return d.succeeds(ctx, expect{contains: []string{"team-payments", "CC-1234"}}, "get", "projects")
}

func (d *demo) browsed(ctx context.Context) error {
	return d.kroguard(ctx, expect{contains: []string{"WebApp"}}, "catalog", "-n", "payments-dev")
}

func (d *demo) accepted(ctx context.Context) error {
	d.show("instances", "shop.yaml")
	if err := d.succeeds(ctx, expect{contains: []string{"webapp.kro.run/shop created"}}, "apply", "-f", sample("instances", "shop.yaml")); err != nil {
		return err
	}
	d.terminal.say("What is stored: replicas from the project's defaults, the host from an expression, labels for cost and ownership.\n")
	if err := d.succeeds(ctx, expect{contains: []string{
		`"replicas": 3`, `"host": "shop.payments.example.com"`, `"cost-center": "CC-1234"`, `"team": "team-payments"`,
		`"env": "dev"`, `"kroguard.io/project": "payments"`, `"example.com/tier": "internal"`,
	}}, "-n", "payments-dev", "get", "webapp", "shop", "-o", `jsonpath-as-json={.spec}{.metadata.labels}`); err != nil {
		return err
	}
	if err := d.succeeds(ctx, expect{contains: []string{`defaults.payments`, `project payments`}},
		"-n", "payments-dev", "get", "webapp", "shop", "-o", `jsonpath={.metadata.annotations.kroguard\.io/injected}`); err != nil {
		return err
	}
	if err := d.appears(ctx, "deployment/shop"); err != nil {
		return err
	}
	return d.succeeds(ctx, expect{contains: []string{"0/3"}}, "-n", "payments-dev", "get", "deployments,services")
}

func (d *demo) refused(ctx context.Context) error {
	d.show("instances", "refused.yaml")
	if err := d.fails(ctx, expect{contains: []string{
		"4 violations", "replica-limit", "50", "at most 5", "no-debug-logging", "trusted-images", "is not from", "names no version",
	}}, "apply", "-f", sample("instances", "refused.yaml")); err != nil {
		return err
	}
	return d.fails(ctx, expect{contains: []string{"NotFound"}}, "-n", "payments-dev", "get", "webapp", "checkout")
}

func (d *demo) rendered(ctx context.Context) error {
	d.show("rendering", "guardrail.yaml")
	if err := d.succeeds(ctx, expect{contains: []string{"created"}}, "apply", "-f", sample("rendering", "guardrail.yaml")); err != nil {
		return err
	}
	if err := d.settle(ctx, "the guardrail", "guardrail/pinned-images"); err != nil {
		return err
	}
	d.show("rendering", "latest.yaml")
	if err := d.fails(ctx, expect{contains: []string{
		"guardrail pinned-images: Deployment/latest (node deployment), field .spec.template.spec.containers: the tag latest",
	}}, "apply", "-f", sample("rendering", "latest.yaml")); err != nil {
		return err
	}
	if err := d.fails(ctx, expect{contains: []string{"NotFound"}}, "-n", "payments-dev", "get", "deployment", "latest"); err != nil {
		return err
	}
	return d.plans(ctx, expect{contains: []string{
		"+  host: latest.payments.example.com", "It becomes 2 resources: 2 Resolved", "apps/v1 Deployment payments-dev/latest", "It would be refused",
	}}, sample("rendering", "latest.yaml"))
}

func (d *demo) warned(ctx context.Context) error {
	return d.succeeds(ctx, expect{contains: []string{"Warning:", "no-single-replica", "created"}}, "apply", "-f", sample("instances", "single.yaml"))
}

func (d *demo) unchanged(ctx context.Context) error {
	apply := []string{"apply", "--server-side", "--field-manager", "gitops", "--force-conflicts", "-f", sample("instances", "shop.yaml")}
	version := []string{"-n", "payments-dev", "get", "webapp", "shop", "-o", "jsonpath={.metadata.generation} {.spec}"}
	if err := d.succeeds(ctx, expect{contains: []string{"serverside-applied"}}, apply...); err != nil {
		return err
	}
	before, err := d.Kubectl(ctx, version...)
	if err != nil {
		return err
	}
	d.terminal.command("kubectl "+quote(version), before)
	if err := d.succeeds(ctx, expect{contains: []string{"serverside-applied"}}, apply...); err != nil {
		return err
	}
	if err := d.succeeds(ctx, expect{is: before}, version...); err != nil {
		return err
	}
	return d.succeeds(ctx, expect{is: ""}, "diff", "--server-side", "--field-manager", "gitops", "-f", sample("instances", "shop.yaml"))
}

func (d *demo) excepted(ctx context.Context) error {
	if err := d.fails(ctx, expect{contains: []string{"replica-limit", "40"}}, "apply", "-f", sample("instances", "load-test.yaml")); err != nil {
		return err
	}
	d.show("platform", "exception.yaml")
	if err := d.succeeds(ctx, expect{contains: []string{"created"}}, "apply", "-f", sample("platform", "exception.yaml")); err != nil {
		return err
	}
	if err := d.settle(ctx, "the exception", "guardrailexception/load-test"); err != nil {
		return err
	}
	return d.succeeds(ctx, expect{contains: []string{"Warning:", "exception load-test", "created"}}, "apply", "-f", sample("instances", "load-test.yaml"))
}

// sample is the path of a file in config/samples, from the repository's root, where the commands run.
func sample(elements ...string) string {
	return filepath.Join(append([]string{"config", "samples"}, elements...)...)
}

// show prints a sample.
func (d *demo) show(elements ...string) {
	content, err := os.ReadFile(harness.File(sample(elements...)))
	if err != nil {
		content = []byte(err.Error())
	}
	d.terminal.command("cat "+sample(elements...), "")
	d.terminal.file(string(content))
}

// expect is what an answer must be like.
type expect struct {
	// contains must all be in the answer.
	contains []string
	// is must be the whole answer where contains is empty.
	is string
}

func (e expect) check(answer string) error {
	if len(e.contains) == 0 && strings.TrimSpace(answer) != strings.TrimSpace(e.is) {
		return fmt.Errorf("the answer is not %q:\n%s", e.is, answer)
	}
	for _, text := range e.contains {
		if !strings.Contains(answer, text) {
			return fmt.Errorf("the answer lacks %q:\n%s", text, answer)
		}
	}
	return nil
}
