package cel_test

import (
	"context"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"

	"github.com/kroguard/kroguard/policies"
)

// Each case is one expression; want is "holds", "violated", or a part of the error.
func TestExpressionsMeanWhatTheyMeanInKubernetes(t *testing.T) {
	const holds, violated = "holds", "violated"
	update := func(in *policies.InputOptions) {
		in.Request.Operation = admissionv1.Update
		in.OldObject = webApp()
		in.OldObject["spec"].(map[string]any)["replicas"] = int64(2)
	}
	clusterScoped := func(in *policies.InputOptions) { in.Namespace, in.Request.Namespace = nil, "" }
	tests := map[string]struct {
		expression string
		params     string
		change     func(*policies.InputOptions)
		want       string
	}{
		"a true expression holds":                {expression: "object.spec.replicas <= 5", want: holds},
		"a false expression is violated":         {expression: "object.spec.replicas <= 3", want: violated},
		"integers are ints":                      {expression: "type(object.spec.replicas) == int", want: holds},
		"other numbers are doubles":              {expression: "object.spec.ratio == 0.5", want: holds},
		"an int compares with a double":          {expression: "object.spec.replicas < 5.5", want: holds},
		"a missing field is an error":            {expression: "object.spec.absent == 1", want: "no such key: absent"},
		"has() of a missing field is false":      {expression: "!has(object.spec.absent)", want: holds},
		"has() of a missing parent is an error":  {expression: "!has(object.absent.field)", want: "no such key: absent"},
		"an error on one side of || is absorbed": {expression: "object.spec.absent == 1 || object.spec.public", want: holds},
		"optional field selection":               {expression: "object.?spec.?absent.orValue(7) == 7", want: holds},
		"optional index":                         {expression: "object.spec.ports[?9].orValue(0) == 0", want: holds},
		"an optional that has a value":           {expression: "object.?spec.?replicas.hasValue()", want: holds},
		"an index out of range is an error":      {expression: "object.spec.ports[9] == 1", want: "index out of bounds: 9"},
		"a wrong type is an error":               {expression: "object.spec.image > 3", want: "no such overload"},

		"oldObject is null on CREATE":        {expression: "oldObject == null", want: holds},
		"oldObject on UPDATE":                {expression: "oldObject.spec.replicas < object.spec.replicas", change: update, want: holds},
		"namespaceObject has labels":         {expression: "namespaceObject.metadata.labels['env'] == 'prod'", want: holds},
		"namespaceObject has a status":       {expression: "namespaceObject.status.phase == 'Active'", want: holds},
		"namespaceObject without a field":    {expression: "has(namespaceObject.metadata.deletionTimestamp)", want: violated},
		"namespaceObject is null if cluster": {expression: "namespaceObject == null", change: clusterScoped, want: holds},

		"request.operation":               {expression: "request.operation == 'CREATE'", want: holds},
		"request.userInfo":                {expression: "request.userInfo.username == 'ada' && 'developers' in request.userInfo.groups", want: holds},
		"request.userInfo.extra":          {expression: "request.userInfo.extra['scopes'] == ['read', 'write']", want: holds},
		"request.kind":                    {expression: "request.kind.group == 'kro.run' && request.kind.kind == 'WebApp'", want: holds},
		"request.requestResource":         {expression: "request.requestResource.resource == 'webapps'", want: holds},
		"request.dryRun":                  {expression: "!request.dryRun", want: holds},
		"request.options is null if none": {expression: "request.options == null", want: holds},
		"an empty request.subResource is absent": {
			expression: "!has(request.subResource)", want: holds,
		},

		"params are null if none":         {expression: "params == null", want: holds},
		"params keep ints":                {expression: "object.spec.replicas <= params.max", params: `{"max":5}`, want: holds},
		"params keep big ints":            {expression: "params.n == 9007199254740993", params: `{"n":9007199254740993}`, want: holds},
		"params keep doubles":             {expression: "params.max == 1.5", params: `{"max":1.5}`, want: holds},
		"params keep lists":               {expression: "'A' in params.names", params: `{"names":["A"]}`, want: holds},
		"params that are null are null":   {expression: "params == null", params: `null`, want: holds},
		"a missing parameter is an error": {expression: "params.min == 1", params: `{"max":5}`, want: "no such key: min"},

		"project":         {expression: "object.spec.replicas <= project.parameters.maxReplicas", want: violated},
		"project is null": {expression: "project == null", change: func(in *policies.InputOptions) { in.Project = nil }, want: holds},
		"optional selection through a null project": {
			expression: "project.?parameters.?max.orValue(9) == 9",
			change:     func(in *policies.InputOptions) { in.Project = nil }, want: holds,
		},
		"offering":         {expression: "offering.category == 'web'", want: holds},
		"offering is null": {expression: "offering == null", change: func(in *policies.InputOptions) { in.Offering = nil }, want: holds},
		"instance is the object where the instance is judged": {
			expression: "instance == object", want: holds,
		},
		"instance is the parent of a rendered resource": {
			expression: "instance.kind == 'WebApp' && object.kind == 'Deployment'",
			change: func(in *policies.InputOptions) {
				in.Instance, in.Object = in.Object, map[string]any{"kind": "Deployment"}
			},
			want: holds,
		},

		"quantity()": {expression: "quantity(object.spec.memory).isLessThan(quantity('1Gi'))", want: holds},
		"a quantity that is none is an error": {
			expression: "quantity(object.spec.image).isGreaterThan(quantity('1'))", want: "quantities must match",
		},
		"regex":            {expression: "object.spec.image.find('[0-9.]+$') == '1.4.2'", want: holds},
		"matches()":        {expression: "object.spec.image.matches('^registry[.]example[.]com/')", want: holds},
		"url()":            {expression: "url(object.spec.host).getPort() == '8443'", want: holds},
		"ip()":             {expression: "ip(object.spec.address).family() == 4", want: holds},
		"cidr()":           {expression: "cidr('10.0.0.0/8').containsIP(object.spec.address)", want: holds},
		"semver()":         {expression: "semver('1.4.2').isLessThan(semver('2.0.0'))", want: holds},
		"format":           {expression: "!format.dns1123Label().validate(object.metadata.name).hasValue()", want: holds},
		"sets":             {expression: "sets.contains(object.spec.ports, [80])", want: holds},
		"lists":            {expression: "object.spec.ports.isSorted() && object.spec.ports.sum() == 523", want: holds},
		"strings":          {expression: "object.spec.image.split('/')[0] == 'registry.example.com'", want: holds},
		"macros":           {expression: "object.spec.env.all(e, has(e.value))", want: violated},
		"two-variable all": {expression: "object.spec.ports.all(i, p, p > i)", want: holds},
	}
	driver := newDriver(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			options := review()
			if test.change != nil {
				test.change(&options)
			}
			g := guardrail(checks(test.expression))
			g.Spec.Params = params(test.params)
			findings, err := mustCompile(t, driver, g).Evaluate(context.Background(), policies.NewInput(options))

			got := holds
			switch {
			case err != nil:
				got = err.Error()
			case len(findings) > 0:
				got = violated
			}
			if test.want == holds || test.want == violated || err == nil {
				if got != test.want {
					t.Fatalf("%s: got %q, want %q", test.expression, got, test.want)
				}
				return
			}
			if !strings.HasPrefix(got, "spec.cel.validations[0].expression: ") || !strings.Contains(got, test.want) {
				t.Fatalf("%s: got %q, want an error with %q", test.expression, got, test.want)
			}
		})
	}
}

func TestTheAuthorizerIsAskedForTheRequestsUser(t *testing.T) {
	allowed := map[string]bool{
		"ada create kro.run/webapps payments-prod/shop":               true,
		"ada get /secrets payments-prod/":                             true,
		"ada get /healthz":                                            true,
		"system:serviceaccount:default:robot delete /pods default/p1": true,
	}
	tests := map[string]struct {
		expression string
		nobody     bool
		violated   bool
	}{
		"requestResource is the resource of the request": {
			expression: "authorizer.requestResource.check('create').allowed()",
		},
		"requestResource with a verb that is not granted": {
			expression: "authorizer.requestResource.check('delete').allowed()", violated: true,
		},
		"any resource": {
			expression: "authorizer.group('').resource('secrets').namespace('payments-prod').check('get').allowed()",
		},
		"another namespace": {
			expression: "authorizer.group('').resource('secrets').namespace('other').check('get').allowed()", violated: true,
		},
		"a path": {expression: "authorizer.path('/healthz').check('get').allowed()"},
		"a service account": {
			expression: "authorizer.serviceAccount('default', 'robot').group('').resource('pods')" +
				".namespace('default').name('p1').check('delete').allowed()",
		},
		"the reason": {expression: "authorizer.requestResource.check('delete').reason() == 'not granted'"},
		"without an authorizer nothing is allowed": {
			expression: "authorizer.requestResource.check('create').allowed()", nobody: true, violated: true,
		},
		"without an authorizer there is no error either": {
			expression: "!authorizer.requestResource.check('create').errored()", nobody: true,
		},
	}
	driver := newDriver(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			options := review()
			if !test.nobody {
				options.Authorizer = &grants{allowed: allowed}
			}
			program := mustCompile(t, driver, guardrail(checks(test.expression)))
			findings, err := program.Evaluate(context.Background(), policies.NewInput(options))
			if err != nil {
				t.Fatal(err)
			}
			if violated := len(findings) > 0; violated != test.violated {
				t.Fatalf("violated: got %v, want %v", violated, test.violated)
			}
		})
	}
}
