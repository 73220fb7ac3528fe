package admissionpolicy

import (
	"regexp"
	"strings"
)

// document begins another one in a stream of YAML.
var document = regexp.MustCompile(`(?m)^---\n`)

// platform is what is there before any policy: kinds, namespaces, params, rights, and objects that updates change.
func platform() []string { return document.Split(strings.TrimPrefix(platformYAML, "\n"), -1) }

const platformYAML = `
apiVersion: v1
kind: Namespace
metadata: {name: payments-prod, labels: {env: prod, team: payments}}
---
apiVersion: v1
kind: Namespace
metadata: {name: payments-dev, labels: {env: dev, team: payments}}
---
apiVersion: v1
kind: Namespace
metadata: {name: platform, labels: {env: prod}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: kro}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: "system:serviceaccount:kro-system:kro"}]
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: limits.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: limits, singular: limit, kind: Limit, listKind: LimitList}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ceilings.example.com}
spec:
  group: example.com
  scope: Cluster
  names: {plural: ceilings, singular: ceiling, kind: Ceiling, listKind: CeilingList}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: queues.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: queues, singular: queue, kind: Queue, listKind: QueueList}
  versions:
    - &version
      name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
    - <<: *version
      name: v2
      storage: false
---
apiVersion: example.com/v1
kind: Limit
metadata: {name: replicas, namespace: payments-prod, labels: {use: "yes"}}
max: 3
---
apiVersion: example.com/v1
kind: Limit
metadata: {name: strict, namespace: payments-prod, labels: {use: "yes"}}
max: 1
---
apiVersion: example.com/v1
kind: Limit
metadata: {name: replicas, namespace: platform}
max: 10
---
apiVersion: example.com/v1
kind: Ceiling
metadata: {name: replicas}
max: 4
---
apiVersion: v1
kind: ConfigMap
metadata: {name: registries, namespace: platform}
data: {allowed: registry.example.com}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: stored, namespace: payments-prod, labels: {tier: db}}
data: {size: small}
`

// objects are what is tried, by name: of several kinds, in several namespaces, with several labels, and updates of stored ones.
func objects() map[string]string {
	deployment := func(name, namespace, spec string) string {
		return "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: " + name + ", namespace: " + namespace + ", labels: {app: " + name + "}}\n" +
			"spec: {selector: {matchLabels: {app: x}}, " + spec + "}\n"
	}
	template := func(image string) string {
		return "template: {metadata: {labels: {app: x}}, spec: {containers: [{name: main, image: " + image + "}]}}"
	}
	return map[string]string{
		"deployment":          deployment("web", "payments-prod", "replicas: 5, "+template("registry.example.com/web:1")),
		"defaulted":           deployment("web", "payments-prod", template("docker.io/web")),
		"deployment-in-dev":   deployment("web", "payments-dev", "replicas: 2, "+template("docker.io/web")),
		"deployment-platform": deployment("web", "platform", "replicas: 20, "+template("docker.io/web")),
		"config-map":          "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: payments-prod, labels: {tier: web}}\ndata: {size: large}\n",
		"config-map-bare":     "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bare, namespace: payments-dev}\n",
		"secret":              "apiVersion: v1\nkind: Secret\nmetadata: {name: settings, namespace: platform}\nstringData: {a: b}\n",
		"stored":              "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: stored, namespace: payments-prod, labels: {tier: web}}\ndata: {size: large}\n",
		"namespace":           "apiVersion: v1\nkind: Namespace\nmetadata: {name: orders, labels: {env: test}}\n",
		"cluster-role":        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: reader, labels: {tier: web}}\nrules: []\n",
		"queue":               "apiVersion: example.com/v1\nkind: Queue\nmetadata: {name: q, namespace: payments-prod}\nspec: {size: 1}\n",
		"queue-v2":            "apiVersion: example.com/v2\nkind: Queue\nmetadata: {name: q, namespace: payments-prod}\nspec: {size: 1}\n",
	}
}

// seen has every policy say how it sees an object, so that whether it is asked, and what about, can be told from its messages.
const seen = `
  validations:
    - expression: "false"
      messageExpression: >-
        request.operation + ' ' + request.kind.version + ' ' + request.requestKind.version + ' ' + request.resource.resource + ' ' +
        request.name + ' in ' + (has(request.namespace) ? request.namespace : '-') + ' (' +
        (namespaceObject == null ? '-' : namespaceObject.metadata.name) + ') by ' + request.userInfo.username + ': ' + object.apiVersion +
        (oldObject == null ? '' : ' was ' + oldObject.metadata.name)
`

// matching are matchConstraints, and the same as matchResources of bindings.
func matching() map[string]string {
	const (
		all  = `resourceRules: [{apiGroups: ["", apps, rbac.authorization.k8s.io, example.com], apiVersions: [v1], resources: ["*"], operations: [CREATE, UPDATE]}]`
		rule = `{apiGroups: ["", apps], apiVersions: ["*"], operations: ["*"], `
	)
	return map[string]string{
		"all":                 all,
		"creates":             `resourceRules: [{apiGroups: [""], apiVersions: [v1], resources: [configmaps, namespaces], operations: [CREATE]}]`,
		"updates":             `resourceRules: [{apiGroups: [""], apiVersions: [v1], resources: [configmaps], operations: [UPDATE]}]`,
		"deletes":             `resourceRules: [{apiGroups: [""], apiVersions: [v1], resources: [configmaps], operations: [DELETE]}]`,
		"namespaced":          `resourceRules: [` + rule + `resources: ["*"], scope: Namespaced}, {apiGroups: [rbac.authorization.k8s.io], apiVersions: [v1], resources: ["*"], operations: ["*"], scope: Namespaced}]`,
		"cluster":             `resourceRules: [` + rule + `resources: ["*"], scope: Cluster}, {apiGroups: [rbac.authorization.k8s.io], apiVersions: [v1], resources: ["*"], operations: ["*"], scope: Cluster}]`,
		"subresources":        `resourceRules: [` + rule + `resources: [configmaps/status, "*/scale"]}]`,
		"with-subresources":   `resourceRules: [` + rule + `resources: ["configmaps/*"]}]`,
		"all-subresources":    `resourceRules: [` + rule + `resources: ["*/*"]}]`,
		"names":               `resourceRules: [` + rule + `resources: ["*"], resourceNames: [settings, orders]}]`,
		"excluded":            all + `, excludeResourceRules: [` + rule + `resources: [deployments]}, ` + rule + `resources: ["*"], resourceNames: [bare]}]`,
		"namespace-selector":  all + `, namespaceSelector: {matchLabels: {env: prod, team: payments}}`,
		"namespace-not":       all + `, namespaceSelector: {matchExpressions: [{key: team, operator: DoesNotExist}]}`,
		"namespace-itself":    all + `, namespaceSelector: {matchExpressions: [{key: env, operator: In, values: [test]}]}`,
		"object-selector":     all + `, objectSelector: {matchLabels: {tier: web}}`,
		"old-object-selector": all + `, objectSelector: {matchLabels: {tier: db}}`,
		"object-not":          all + `, objectSelector: {matchExpressions: [{key: tier, operator: NotIn, values: [web]}]}`,
		"equivalent":          `resourceRules: [{apiGroups: [example.com], apiVersions: [v1], resources: [queues], operations: ["*"]}]`,
		"exact":               `matchPolicy: Exact, resourceRules: [{apiGroups: [example.com], apiVersions: [v1], resources: [queues], operations: ["*"]}]`,
	}
}

// expressing are whole policies, for whatever is no match rule: conditions, variables, params, failures. Each is a spec, and the
// bindings' specs after it.
func expressing() map[string][]string {
	const (
		anything    = "\n  matchConstraints: {resourceRules: [{apiGroups: ['', apps, rbac.authorization.k8s.io], apiVersions: [v1], resources: ['*'], operations: ['*']}]}\n"
		deployments = "\n  matchConstraints: {resourceRules: [{apiGroups: [apps], apiVersions: [v1], resources: [deployments], operations: ['*']}]}\n"
		limit       = deployments + "  paramKind: {apiVersion: example.com/v1, kind: Limit}\n"
		checked     = `  validations: [{expression: "params == null || object.spec.replicas <= params.max", messageExpression: "string(object.spec.replicas) + ' of ' + string(params.max)"}]` + "\n"
		plain       = "{}"
	)
	return map[string][]string{
		"conditions":            {anything + "  matchConditions: [{name: a, expression: has(object.data)}, {name: b, expression: \"'tier' in object.metadata.labels\"}]" + seen, plain},
		"conditions-namespace":  {anything + "  matchConditions: [{name: a, expression: namespaceObject == null}]" + seen, plain},
		"conditions-failing":    {anything + "  matchConditions: [{name: a, expression: 1 / 0 == 1}]" + seen, plain},
		"conditions-ignored":    {anything + "  failurePolicy: Ignore\n  matchConditions: [{name: a, expression: 1 / 0 == 1}]" + seen, plain},
		"variables":             {deployments + "  variables: [{name: images, expression: 'object.spec.template.spec.containers.map(c, c.image)'}]\n  validations: [{expression: \"variables.images.all(i, i.startsWith('registry.example.com/'))\", messageExpression: \"variables.images.join(', ')\", reason: Forbidden}]", plain},
		"failing":               {anything + "  validations: [{expression: 1 / 0 == 1}, {expression: \"false\", message: no}]", plain},
		"ignored":               {anything + "  failurePolicy: Ignore\n  validations: [{expression: 1 / 0 == 1}, {expression: \"false\", message: no}]", plain},
		"missing":               {anything + "  validations: [{expression: \"object.data.size == 'small'\"}]", plain},
		"annotations":           {anything + "  auditAnnotations: [{key: a, valueExpression: \"'x'\"}]\n  validations: [{expression: 'true'}]", plain},
		"annotations-failing":   {anything + "  auditAnnotations: [{key: a, valueExpression: string(1 / 0)}]\n  validations: [{expression: 'true'}]", plain},
		"params-own-namespace":  {limit + checked, "paramRef: {name: replicas, parameterNotFoundAction: Allow}"},
		"params-required":       {limit + checked, "paramRef: {name: replicas, parameterNotFoundAction: Deny}"},
		"params-ignored":        {limit + "  failurePolicy: Ignore\n" + checked, "paramRef: {name: replicas, parameterNotFoundAction: Deny}"},
		"params-of-namespace":   {limit + checked, "paramRef: {name: replicas, namespace: platform, parameterNotFoundAction: Deny}"},
		"params-selected":       {limit + checked, "paramRef: {selector: {matchLabels: {use: 'yes'}}, parameterNotFoundAction: Allow}"},
		"params-all":            {limit + checked, "paramRef: {selector: {}, parameterNotFoundAction: Deny}"},
		"params-none":           {limit + checked, plain},
		"params-cluster":        {deployments + "  paramKind: {apiVersion: example.com/v1, kind: Ceiling}\n" + checked, "paramRef: {name: replicas, parameterNotFoundAction: Deny}"},
		"params-cluster-wrong":  {deployments + "  paramKind: {apiVersion: example.com/v1, kind: Ceiling}\n" + checked, "paramRef: {name: replicas, namespace: platform, parameterNotFoundAction: Deny}"},
		"params-config-map":     {deployments + "  paramKind: {apiVersion: v1, kind: ConfigMap}\n  validations: [{expression: 'object.spec.template.spec.containers.all(c, c.image.startsWith(params.data.allowed))', messageExpression: \"'not from ' + params.data.allowed + ' ' + params.kind\"}]", "paramRef: {name: registries, namespace: platform, parameterNotFoundAction: Deny}"},
		"params-cluster-scoped": {anything + "  paramKind: {apiVersion: example.com/v1, kind: Limit}" + seen, "paramRef: {name: replicas, parameterNotFoundAction: Allow}"},
		"params-unknown-kind":   {deployments + "  paramKind: {apiVersion: example.com/v1, kind: Absent}\n  validations: [{expression: 'false'}]", "paramRef: {name: x, parameterNotFoundAction: Allow}"},
		"two-bindings":          {limit + checked, "paramRef: {name: replicas, parameterNotFoundAction: Allow}", "{paramRef: {name: strict, parameterNotFoundAction: Allow}, matchResources: {namespaceSelector: {matchLabels: {env: prod}}}}"},
	}
}
