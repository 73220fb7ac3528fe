package cel

import (
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

var backoff = wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Steps: 3}

// samples is the kind that is judged, limits that of the parameters.
const (
	samples = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: samples.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: samples, singular: sample, kind: Sample, listKind: SampleList}
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              x-kubernetes-preserve-unknown-fields: true
              properties:
                size: {type: string, default: small}
                nothing: {type: string, nullable: true}
                resources:
                  type: object
                  default: {}
                  properties:
                    cpu: {type: string, default: 500m}
                    memory: {type: string}
`
	limits = `
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
      schema:
        openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}
`
	namespace = `
apiVersion: v1
kind: Namespace
metadata: {name: payments, labels: {env: prod, team: payments}, annotations: {owner: ada}}
`
	role = `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: developer, namespace: payments}
rules:
  - {apiGroups: [example.com], resources: [samples], verbs: [create, update, get]}
  - {apiGroups: [""], resources: [configmaps], verbs: [get]}
  - {apiGroups: [""], resources: [pods], resourceNames: [mine], verbs: [delete]}
`
	binding = `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: developer, namespace: payments}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: developer}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: developers}]
`
	parameters = `
apiVersion: example.com/v1
kind: Limit
metadata: {name: limits, namespace: payments, labels: {team: payments}}
max: 5
ratio: 1.5
names: [web, db]
text: ''
nested: {deep: {er: 1}, empty: {}, list: []}
`
	// stored is what updates change.
	stored = `
apiVersion: example.com/v1
kind: Sample
metadata: {name: stored, namespace: payments, labels: {team: payments, tier: web}}
spec: {replicas: 2, image: "registry.example.com/shop:1.4.1", public: false, ports: [80], size: large}
`
)

// objects are what is applied, by name: usual, sparse, of wrong types, large. Those called stored update the stored one.
func objects() map[string]string {
	return map[string]string{
		"usual": `
spec:
  replicas: 5
  ratio: 0.5
  image: registry.example.com/shop:1.4.2
  public: true
  nothing: null
  tags: [web, 'a b', '']
  ports: [80, 443]
  resources: {memory: 512Mi}
  host: https://shop.example.com:8443/cart?q=1&q=2
  address: 10.1.2.3
  version: 1.4.2
  day: "2024-02-29T12:00:00Z"
  env: [{name: A, value: "1"}, {name: B}, {name: C, value: ''}]
  namespace: {if: 1, a-b: 2, "a.b": 3}
`,
		"sparse": `{}`,
		"wrong": `
spec:
  replicas: "5"
  ratio: [1]
  image: 7
  public: "true"
  tags: {web: x}
  ports: 80
  host: "::not a url::"
  address: 10.1.2
  version: v1
  day: yesterday
  env: [1, null, {name: 1}]
`,
		"large": "spec:\n  replicas: 9223372036854775807\n  ratio: 1.0e+300\n  text: " + strings.Repeat("x", 3400) +
			"\n  ports: [" + strings.TrimSuffix(strings.Repeat("1, ", 300), ", ") + "]" +
			"\n  tags: [\u00e4\u00f6\u00fc, \U0001F600]\n  image: ''\n",
		"stored": `
spec: {replicas: 6, image: "registry.example.com/shop:1.4.2", public: true, ports: [80, 8080]}
`,
	}
}
