package gatekeeper_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"

	"github.com/kroguard/kroguard/internal/racedetector"
	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/gatekeeper"
)

const sayTemplate = `violation[{"msg": msg}] { msg := concat(" ", [input.parameters.say, input.review.object.metadata.name]) }`

// compile makes policies of texts.
func compile(tb testing.TB, objects *gatekeeper.Objects) []policies.Policy {
	tb.Helper()
	list, err := gatekeeper.NewCollection(newCompiler(tb)).Compile(tb.Context(), objects)
	if err != nil {
		tb.Fatal(err)
	}
	return list
}

func objects(tb testing.TB, texts ...string) []map[string]any {
	tb.Helper()
	var list []map[string]any
	for _, text := range texts {
		list = append(list, object(tb, text))
	}
	return list
}

func TestWhatViolationsDo(t *testing.T) {
	scoped := func(actions string) string {
		return "{enforcementAction: scoped, scopedEnforcementActions: [" + actions + "]}"
	}
	tests := map[string]struct {
		spec string
		want []string
	}{
		"nothing said": {"{}", []string{"deny"}},
		"deny":         {"{enforcementAction: deny}", []string{"deny"}},
		"warn":         {"{enforcementAction: warn}", []string{"warn"}},
		"dryrun":       {"{enforcementAction: dryrun}", []string{"audit"}},
		"unknown":      {"{enforcementAction: shout}", []string{"audit"}},
		"scoped":       {scoped("{action: warn, enforcementPoints: [{name: validation.gatekeeper.sh}]}"), []string{"warn"}},
		"scoped twice, the stronger counts": {
			scoped("{action: warn, enforcementPoints: [{name: '*'}]}, {action: deny, enforcementPoints: [{name: validation.gatekeeper.sh}]}"),
			[]string{"deny"},
		},
		"scoped for the audit":       {scoped("{action: deny, enforcementPoints: [{name: audit.gatekeeper.sh}]}"), nil},
		"scoped for suites":          {scoped("{action: deny, enforcementPoints: [{name: gator.gatekeeper.sh}]}"), nil},
		"scoped for all, not denied": {scoped("{action: dryrun, enforcementPoints: [{name: '*'}]}"), []string{"audit"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			list := compile(t, &gatekeeper.Objects{
				Templates:   objects(t, says("Say", "say", `violation[{"msg": "said"}] { true }`)),
				Constraints: objects(t, constraint("Say", "one", test.spec)),
			})
			var got []string
			for _, v := range judge(t, list, deployment(t)) {
				got = append(got, v.Does)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestOneBrokenObjectTakesNothingElseDown(t *testing.T) {
	list := compile(t, &gatekeeper.Objects{
		Templates: append(objects(t, says("Say", "say", sayTemplate), says("Broken", "broken", "violation[{"), says("Named", "other", sayTemplate)),
			map[string]any{}, map[string]any{"spec": "text", "kind": 7}),
		Constraints: append(objects(t,
			constraint("Say", "sound", "{parameters: {say: hello}}"),
			constraint("Say", "misspelled", "{parameters: {says: hello}}"),
			constraint("Say", "typed", "{parameters: {say: 7}}"),
			constraint("Broken", "one", "{}"), constraint("Named", "one", "{}"), constraint("Absent", "one", "{}"),
		), map[string]any{}, map[string]any{"kind": "Say", "metadata": "none"}),
	})
	got := map[string]string{}
	for i := range list {
		if list[i].Err != nil {
			got[list[i].Name] = list[i].Err.Error()
		}
	}
	for name, want := range map[string]string{
		"Say/misspelled": "invalid constraint: there are no fields spec.parameters.says",
		"Say/typed":      "schema validation failed: ",
		"Broken/one":     "invalid ConstraintTemplate: spec.targets[0].rego: line ",
		"Named/one":      `invalid ConstraintTemplate: the name is "other", and has to be the kind in lower case: "named"`,
		"Absent/one":     "invalid constraint: there is no template of kind Absent",
		"/":              "invalid ConstraintTemplate: ",
		"Say/":           "invalid constraint: ",
	} {
		if !strings.HasPrefix(got[name], want) {
			t.Errorf("%s: got %q, want %q", name, got[name], want)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("further errors: %q", got)
	}
	// Gatekeeper does not enforce what is wrong, and neither do we.
	want := []violation{{Policy: "Gatekeeper Say/sound", Message: "hello shop", Does: "deny"}}
	if diff := cmp.Diff(want, judge(t, list, deployment(t))); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
}

func TestOnlyWhatChangedIsCompiledAgain(t *testing.T) {
	collection := gatekeeper.NewCollection(newCompiler(t))
	ours := says("Say", "say", sayTemplate)
	other := says("Say", "say", `violation[{"msg": "other"}] { true }`)
	one, two := constraint("Say", "one", "{parameters: {say: a}}"), constraint("Say", "one", "{parameters: {say: b}}")
	inventory, err := gatekeeper.NewInventory(nil)
	if err != nil {
		t.Fatal(err)
	}
	config := object(t, `{kind: Config, metadata: {name: config}, spec: {match: [{excludedNamespaces: [other], processes: ["*"]}]}}`)
	var before []policies.Policy
	for _, step := range []struct {
		change  string
		objects gatekeeper.Objects
		same    bool
		want    string
	}{
		{"the first", gatekeeper.Objects{Templates: []map[string]any{named(t, ours, "t", 1)}, Constraints: []map[string]any{named(t, one, "c", 1)}}, false, "a shop"},
		{"nothing", gatekeeper.Objects{Templates: []map[string]any{named(t, ours, "t", 1)}, Constraints: []map[string]any{named(t, one, "c", 1)}}, true, "a shop"},
		{"the constraint", gatekeeper.Objects{Templates: []map[string]any{named(t, ours, "t", 1)}, Constraints: []map[string]any{named(t, two, "c", 2)}}, false, "b shop"},
		{"the template", gatekeeper.Objects{Templates: []map[string]any{named(t, other, "t", 2)}, Constraints: []map[string]any{named(t, two, "c", 2)}}, false, "other"},
		{"objects without a generation", gatekeeper.Objects{Templates: objects(t, ours), Constraints: objects(t, one)}, false, "a shop"},
		{"nothing, without a generation", gatekeeper.Objects{Templates: objects(t, ours), Constraints: objects(t, one)}, true, "a shop"},
		{"the text, without a generation", gatekeeper.Objects{Templates: objects(t, ours), Constraints: objects(t, two)}, false, "b shop"},
		{"the inventory", gatekeeper.Objects{Templates: objects(t, ours), Constraints: objects(t, two), Inventory: inventory}, false, "b shop"},
		{"the Config", gatekeeper.Objects{Templates: objects(t, ours), Constraints: objects(t, two), Inventory: inventory, Configs: []map[string]any{config}}, false, "b shop"},
		{"nothing, with both", gatekeeper.Objects{Templates: objects(t, ours), Constraints: objects(t, two), Inventory: inventory, Configs: []map[string]any{config}}, true, "b shop"},
		{"the constraint goes", gatekeeper.Objects{Templates: objects(t, ours), Inventory: inventory, Configs: []map[string]any{config}}, false, ""},
	} {
		after, err := collection.Compile(t.Context(), &step.objects)
		if err != nil {
			t.Fatal(err)
		}
		if same := len(before) > 0 && len(after) > 0 && &before[0] == &after[0]; same != step.same {
			t.Errorf("%s: same is %t", step.change, same)
		}
		var messages []string
		for _, v := range judge(t, after, deployment(t)) {
			messages = append(messages, v.Message)
		}
		if message := strings.Join(messages, ", "); message != step.want {
			t.Errorf("%s: got %q, want %q", step.change, message, step.want)
		}
		before = after
	}
}

// TestAChangeCostsWhatChanged compares allocations: compiling a template takes thousands.
func TestAChangeCostsWhatChanged(t *testing.T) {
	if racedetector.Enabled {
		t.Skip("the race detector allocates")
	}
	compiler := newCompiler(t)
	var given gatekeeper.Objects
	for _, kind := range strings.Fields("A B C D E F G H") {
		given.Templates = append(given.Templates, named(t, says(kind, strings.ToLower(kind), sayTemplate), "t"+kind, 1))
		given.Constraints = append(given.Constraints, named(t, constraint(kind, "one", "{parameters: {say: x}}"), "c"+kind, 1))
	}
	collection := gatekeeper.NewCollection(compiler)
	run := func() {
		if _, err := collection.Compile(t.Context(), &given); err != nil {
			t.Fatal(err)
		}
	}
	all := testing.AllocsPerRun(3, func() {
		collection = gatekeeper.NewCollection(compiler)
		run()
	})
	generation := int64(1)
	one := testing.AllocsPerRun(3, func() {
		generation++
		given.Templates[0] = named(t, says("A", "a", sayTemplate), "tA", generation)
		run()
	})
	none := testing.AllocsPerRun(3, run)
	// Another inventory compiles nothing.
	inventory := testing.AllocsPerRun(3, func() {
		var err error
		if given.Inventory, err = gatekeeper.NewInventory(nil); err != nil {
			t.Fatal(err)
		}
		run()
	})
	if one > all/4 || none > one/10 || inventory > one/2 {
		t.Errorf("all take %v allocations, one of eight %v, none %v, an inventory %v", all, one, none, inventory)
	}
}

func TestNamespacesThatGatekeeperLeavesAlone(t *testing.T) {
	config := func(name, namespaces, processes string) string {
		return "{kind: Config, metadata: {name: " + name + "}, spec: {match: [{excludedNamespaces: [" + namespaces + "], processes: [" + processes + "]}]}}"
	}
	tests := map[string]struct {
		config string
		label  string
		exempt bool
	}{
		"none":                    {config: "{kind: Config, metadata: {name: config}}"},
		"all processes":           {config: config("config", "payments", "'*'"), exempt: true},
		"the webhook":             {config: config("config", "'pay*'", "audit, webhook"), exempt: true},
		"the audit":               {config: config("config", "payments", "audit, sync"), exempt: false},
		"another namespace":       {config: config("config", "'*-system'", "'*'"), exempt: false},
		"a Config that is unread": {config: config("other", "payments", "'*'"), exempt: false},
		"the namespace's label":   {config: "{}", label: "admission.gatekeeper.sh/ignore", exempt: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			list := compile(t, &gatekeeper.Objects{
				Templates: objects(t, says("Say", "say", sayTemplate)), Constraints: objects(t, constraint("Say", "one", "{parameters: {say: x}}")),
				Configs: objects(t, test.config),
			})
			options := deployment(t)
			if test.label != "" {
				options.Namespace.Labels[test.label] = "yes"
			}
			if exempt := len(judge(t, list, options)) == 0; exempt != test.exempt {
				t.Errorf("exempt: %t", exempt)
			}
		})
	}
	collection := gatekeeper.NewCollection(newCompiler(t))
	if _, err := collection.Compile(t.Context(), &gatekeeper.Objects{Configs: objects(t, "{spec: {match: all}}")}); err == nil {
		t.Error("a Config that can't be read is no error")
	}
}

func TestOperationsOfATemplate(t *testing.T) {
	text := strings.Replace(says("Say", "say", `violation[{"msg": msg}] { msg := concat(" ", ["all", input.review.operation]) }`),
		"    rego:", "    operations: [UPDATE]\n    rego:", 1)
	list := compile(t, &gatekeeper.Objects{Templates: objects(t, text), Constraints: objects(t, constraint("Say", "one", "{}"))})
	options := deployment(t)
	if got := judge(t, list, options); len(got) != 0 {
		t.Errorf("got %v on CREATE", got)
	}
	options.Request.Operation, options.OldObject = admissionv1.Update, options.Object
	if got := judge(t, list, options); len(got) != 1 || got[0].Message != "all UPDATE" {
		t.Errorf("got %v on UPDATE", got)
	}
}

// TestAnUnresolvedFieldIsNoDenial judges a resource of which an image and a label wait for others.
func TestAnUnresolvedFieldIsNoDenial(t *testing.T) {
	const ours = `violation[{"msg": "not ours"}] { not ours }
      ours { startswith(input.review.object.spec.image, "ours/") }`
	celTemplate := `
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: images}
spec:
  crd: {spec: {names: {kind: Images}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    code: [{engine: K8sNativeValidation, source: {validations: [{expression: "object.spec.image.startsWith('ours/')", message: not ours}]}}]
`
	tests := map[string]struct {
		template, spec string
		want           []violation
	}{
		"Rego": {says("Images", "images", ours), "{}", []violation{{"Gatekeeper Images/one", "not ours", "warn", true}}},
		"CEL":  {celTemplate, "{}", []violation{{"Gatekeeper Images/one", "not ours", "warn", true}}},
		"what is known is denied": {
			says("Images", "images", `violation[{"msg": "three"}] { input.review.object.spec.replicas == 3 }`), "{}",
			[]violation{{"Gatekeeper Images/one", "three", "deny", false}},
		},
		"a label decides": {
			says("Images", "images", `violation[{"msg": "three"}] { true }`), "{match: {labelSelector: {matchLabels: {tier: web}}}}",
			[]violation{{"Gatekeeper Images/one", "three", "warn", true}},
		},
		"another label decides": {
			says("Images", "images", `violation[{"msg": "three"}] { true }`), "{match: {labelSelector: {matchLabels: {app: shop}}}}",
			[]violation{{"Gatekeeper Images/one", "three", "deny", false}},
		},
		"another kind": {
			says("Images", "images", ours), "{match: {kinds: [{kinds: [Pod]}], labelSelector: {matchLabels: {tier: web}}}}", nil,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			list := compile(t, &gatekeeper.Objects{Templates: objects(t, test.template), Constraints: objects(t, constraint("Images", "one", test.spec))})
			options := deployment(t)
			options.Unresolved = []policies.UnresolvedField{
				{Path: policies.FieldPath{"spec", "image"}}, {Path: policies.FieldPath{"metadata", "labels", "tier"}},
			}
			got := judge(t, list, options)
			for i := range got {
				got[i].Message = strings.TrimPrefix(got[i].Message[strings.LastIndex(got[i].Message, ": ")+1:], " ")
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnInventoryThatIsNotThere(t *testing.T) {
	given := gatekeeper.Objects{
		Templates:   objects(t, says("Reads", "reads", `violation[{"msg": "read"}] { data.inventory.cluster }`), says("Say", "say", sayTemplate)),
		Constraints: objects(t, constraint("Reads", "one", "{}"), constraint("Say", "one", "{parameters: {say: x}}")),
		Inventory:   gatekeeper.UnavailableInventory(errors.New("v1/Namespace is not read yet")),
	}
	got := judge(t, compile(t, &given), deployment(t))
	if len(got) != 2 || !strings.Contains(got[0].Message, "v1/Namespace is not read yet") || got[0].Does != "deny" || got[1].Message != "x shop" {
		t.Errorf("got %+v", got)
	}
}

func TestAnInventoryIsBounded(t *testing.T) {
	large := map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "x"}, "data": strings.Repeat("x", 1<<20)}
	many := make([]map[string]any, gatekeeper.DefaultMaxObjects+1)
	big := make([]map[string]any, gatekeeper.DefaultMaxBytes>>20+1)
	for i := range many {
		many[i] = map[string]any{"apiVersion": "v1", "kind": "ConfigMap"}
	}
	for i := range big {
		big[i] = large
	}
	for want, objects := range map[string][]map[string]any{
		"the inventory has 50001 objects, 50000 are the most: sync fewer kinds": many,
		"the inventory is larger than 64 MiB: sync fewer kinds":                 big,
		`object "x" of the inventory lacks its apiVersion or kind`:              {{"metadata": map[string]any{"name": "x"}}},
	} {
		if _, err := gatekeeper.NewInventory(objects); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
