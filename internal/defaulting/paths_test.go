package defaulting_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kroguard/kroguard/internal/injection/injectiontest"
)

// The bodies below have the shape in which a kube-apiserver 1.36 sends them: CRD defaults (size, replicas, resources.memory)
// are in place, and managedFields are those from before any webhook.

// manifest is the annotation of a client-side apply.
func manifest(spec string) string {
	return `"annotations":{"kubectl.kubernetes.io/last-applied-configuration":` +
		strconv.Quote(`{"apiVersion":"kro.run/v1alpha1","kind":"WebApp","metadata":{"annotations":{},"name":"shop","namespace":"payments-dev"},"spec":`+spec+`}`+"\n") + `}`
}

// manifestAnd is manifest with what kroguard recorded before.
func manifestAnd(spec, record string) string {
	m := manifest(spec)
	return m[:len(m)-1] + `,"kroguard.io/injected":` + strconv.Quote(record) + `}`
}

func recorded(record string) string {
	return `"annotations":{"kroguard.io/injected":` + strconv.Quote(record) + `}`
}

// managed is one managedFields entry that owns fields of spec.
func managed(manager, operation, fields string) string {
	return fmt.Sprintf(`{"manager":%q,"operation":%q,"apiVersion":"kro.run/v1alpha1","time":"2026-01-01T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{%s}}}`,
		manager, operation, fields)
}

// kro's own entry, as its labeller leaves it.
const labeller = `{"manager":"kro.run/labeller","operation":"Apply","apiVersion":"kro.run/v1alpha1","time":"2026-01-01T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:finalizers":{"v:\"kro.run/finalizer\"":{}},"f:labels":{"f:kro.run/owned":{}}}}}`

func instance(metadata, spec string) string {
	if metadata != "" {
		metadata = "," + metadata
	}
	return `{"apiVersion":"kro.run/v1alpha1","kind":"WebApp","metadata":{"name":"shop","namespace":"payments-dev"` + metadata + `},"spec":` + spec + `}`
}

const (
	// asSent is what becomes of a manifest with an image alone.
	asSent = `{"image":"nginx","size":"small","replicas":1,"resources":{"memory":"256Mi"}}`
	// asStored is what kroguard made of it where it could tell that the size was not the user's.
	asStored = `{"image":"nginx","size":"large","replicas":1,"region":"eu-central-1","resources":{"memory":"256Mi","cpu":"500m"}}`
	record   = `{"spec.region":"defaults","spec.resources.cpu":"defaults","spec.size":"defaults.payments"}`
	// storedPlain and recordPlain are the same where a present field counted as the user's.
	storedPlain = `{"image":"nginx","size":"small","replicas":1,"region":"eu-central-1","resources":{"memory":"256Mi","cpu":"500m"}}`
	recordPlain = `{"spec.region":"defaults","spec.resources.cpu":"defaults"}`
)

func TestPaths(t *testing.T) {
	o := injectiontest.Offering(t, webApp, map[string]string{
		"defaults":          "size: medium\nregion: eu-central-1\nresources:\n  cpu: 500m\n",
		"defaults.payments": "size: large\n",
	})
	owner := managed("argocd", "Apply", `"f:image":{}`)
	tests := map[string]struct {
		object, old, manager string
		spec                 string
		record               string
	}{
		"CREATE by a plain create: a schema default counts as the user's": {
			object:  instance(`"managedFields":[`+managed("kubectl-create", "Update", `".":{},"f:image":{},"f:size":{},"f:replicas":{},"f:resources":{".":{},"f:memory":{}}`)+`]`, asSent),
			manager: "kubectl-create", spec: storedPlain, record: recordPlain,
		},
		"CREATE by client-side apply: the project's default beats the schema's": {
			object: instance(manifest(`{"image":"nginx"}`), asSent), manager: "kubectl-client-side-apply",
			spec: asStored, record: record,
		},
		"CREATE by client-side apply: what the manifest has stays": {
			object: instance(manifest(`{"image":"nginx","size":"small","region":"us-east-1"}`),
				`{"image":"nginx","size":"small","region":"us-east-1","replicas":1,"resources":{"memory":"256Mi"}}`),
			spec:   `{"image":"nginx","size":"small","region":"us-east-1","replicas":1,"resources":{"memory":"256Mi","cpu":"500m"}}`,
			record: `{"spec.resources.cpu":"defaults"}`,
		},
		"CREATE by client-side apply: a null in the manifest is written": {
			object: instance(manifest(`{"image":"nginx","size":null,"region":null,"resources":null}`), asSent),
			spec:   asSent, record: ``,
		},
		"CREATE by client-side apply: a manifest that is no JSON tells nothing": {
			object: instance(`"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{"}`, asSent),
			spec:   storedPlain, record: recordPlain,
		},
		"CREATE by server-side apply: the project's default beats the schema's": {
			object: instance(`"managedFields":[`+owner+`]`, asSent), manager: "argocd",
			spec: asStored, record: record,
		},
		"CREATE by server-side apply: what the applier owns stays": {
			object: instance(`"managedFields":[`+managed("argocd", "Apply", `"f:image":{},"f:size":{},"f:resources":{"f:cpu":{}}`)+`]`,
				`{"image":"nginx","size":"small","replicas":1,"resources":{"cpu":"4","memory":"256Mi"}}`), manager: "argocd",
			spec:   `{"image":"nginx","size":"small","replicas":1,"region":"eu-central-1","resources":{"cpu":"4","memory":"256Mi"}}`,
			record: `{"spec.region":"defaults"}`,
		},
		"CREATE by server-side apply: an applied null is written": {
			object: instance(`"managedFields":[`+managed("argocd", "Apply", `"f:image":{},"f:region":{},"f:size":{}`)+`]`, asSent), manager: "argocd",
			spec:   `{"image":"nginx","size":"small","replicas":1,"resources":{"memory":"256Mi","cpu":"500m"}}`,
			record: `{"spec.resources.cpu":"defaults"}`,
		},
		"CREATE by server-side apply: an applied empty object leaves its fields open": {
			object: instance(`"managedFields":[`+managed("argocd", "Apply", `"f:image":{},"f:resources":{}`)+`]`, asSent), manager: "argocd",
			spec: asStored, record: record,
		},
		"CREATE by kro of a nested instance: its template is the user's": {
			object: instance(`"managedFields":[`+managed("kro.run/applyset", "Apply", `"f:image":{},"f:size":{}`)+`]`, asSent), manager: "kro.run/applyset",
			spec: storedPlain, record: recordPlain,
		},
		"CREATE by a backup, with the managedFields of others: a present field counts as the user's": {
			object: instance(`"managedFields":[`+owner+`]`, asSent), manager: "velero",
			spec: storedPlain, record: recordPlain,
		},
		"CREATE by a backup, with an old manifest: a value that no schema gives stays": {
			object: instance(manifest(`{"image":"nginx"}`), `{"image":"nginx","size":"medium","replicas":7,"resources":{"memory":"256Mi"}}`),
			spec:   `{"image":"nginx","size":"medium","replicas":7,"region":"eu-central-1","resources":{"memory":"256Mi","cpu":"500m"}}`,
			record: recordPlain,
		},
		"CREATE by PUT: a present field counts as the user's": {
			object: instance("", asSent), spec: storedPlain, record: recordPlain,
		},
		"CREATE with generateName: as any plain create": {
			object: `{"metadata":{"generateName":"shop-"},"spec":` + asSent + `}`,
			spec:   storedPlain, record: recordPlain,
		},
		"CREATE of an object without spec: it gets one": {
			object: `{"metadata":{"name":"shop"}}`,
			spec:   `{"size":"large","region":"eu-central-1","resources":{"cpu":"500m"}}`, record: record,
		},

		"UPDATE by create's twin, replace with all fields: the injected stay injected": {
			object: instance(recorded(record), asStored), old: instance(recorded(record), asStored),
			spec: asStored, record: record,
		},
		"UPDATE by PUT without the injected fields: they get the old values back": {
			object: instance("", `{"image":"nginx:2","size":"large","replicas":1,"resources":{"memory":"256Mi"}}`),
			old:    instance(recorded(record), asStored),
			spec:   `{"image":"nginx:2","size":"large","replicas":1,"region":"eu-central-1","resources":{"memory":"256Mi","cpu":"500m"}}`,
			record: record,
		},
		"UPDATE by PUT without a field that the schema then fills: a present field counts as the user's": {
			object: instance(recorded(record), asSent), old: instance(recorded(record), asStored),
			spec: storedPlain, record: recordPlain,
		},
		"UPDATE by PUT with another value: it is the user's from now on": {
			object: instance(recorded(record), `{"image":"nginx","size":"small","replicas":1,"region":"us-east-1","resources":{"memory":"256Mi","cpu":"500m"}}`),
			old:    instance(recorded(record), asStored),
			spec:   `{"image":"nginx","size":"small","replicas":1,"region":"us-east-1","resources":{"memory":"256Mi","cpu":"500m"}}`,
			record: `{"spec.resources.cpu":"defaults"}`,
		},
		"UPDATE by PUT without the user's own field: today's default": {
			object: instance("", `{"image":"nginx","size":"small","replicas":1,"resources":{"memory":"256Mi","cpu":"500m"}}`),
			old:    instance("", `{"image":"nginx","size":"small","region":"us-east-1","replicas":1,"resources":{"memory":"256Mi","cpu":"500m"}}`),
			spec:   storedPlain, record: `{"spec.region":"defaults"}`,
		},
		"UPDATE of an instance that predates the default: nothing is injected": {
			object: instance("", `{"image":"nginx:2","size":"small","replicas":1,"resources":{"memory":"256Mi"}}`), old: instance("", asSent),
			spec: `{"image":"nginx:2","size":"small","replicas":1,"resources":{"memory":"256Mi"}}`, record: ``,
		},
		"UPDATE after the default has changed: the old value sticks": {
			object: instance(recorded(`{"spec.region":"defaults"}`), `{"image":"nginx:2","region":"eu-north-9"}`),
			old:    instance(recorded(`{"spec.region":"defaults"}`), `{"image":"nginx","region":"eu-north-9"}`),
			spec:   `{"image":"nginx:2","region":"eu-north-9"}`, record: `{"spec.region":"defaults"}`,
		},
		"UPDATE after the default has disappeared: the old value sticks": {
			object: instance("", `{"image":"nginx:2","size":"small"}`),
			old:    instance(recorded(`{"spec.host":"defaults"}`), `{"image":"nginx","size":"small","host":"shop.example"}`),
			spec:   `{"image":"nginx:2","size":"small","host":"shop.example"}`, record: `{"spec.host":"defaults"}`,
		},

		"UPDATE by merge patch of another field: the injected stay": {
			object: instance(recorded(record), `{"image":"nginx:2","size":"large","replicas":1,"region":"eu-central-1","resources":{"memory":"256Mi","cpu":"500m"}}`),
			old:    instance(recorded(record), asStored),
			spec:   `{"image":"nginx:2","size":"large","replicas":1,"region":"eu-central-1","resources":{"memory":"256Mi","cpu":"500m"}}`, record: record,
		},
		"UPDATE by merge patch with null for an injected field: the old value comes back": {
			object: instance(recorded(record), `{"image":"nginx","size":"large","replicas":1,"resources":{"memory":"256Mi","cpu":"500m"}}`),
			old:    instance(recorded(record), asStored),
			spec:   asStored, record: record,
		},
		"UPDATE by merge patch on a client-side applied object: its manifest is stale": {
			object: instance(manifestAnd(`{"image":"nginx","region":"us-east-1"}`, `{}`), `{"image":"nginx","size":"small","replicas":5,"resources":{"memory":"256Mi"}}`),
			old:    instance(manifestAnd(`{"image":"nginx","region":"us-east-1"}`, `{}`), `{"image":"nginx","size":"small","replicas":1,"region":"us-east-1","resources":{"memory":"256Mi"}}`),
			spec:   `{"image":"nginx","size":"small","replicas":5,"region":"eu-central-1","resources":{"memory":"256Mi"}}`,
			record: `{"spec.region":"defaults"}`,
		},
		"UPDATE by kubectl edit to the value that the schema has: the user's": {
			object: instance(manifestAnd(`{"image":"nginx"}`, record), `{"image":"nginx","size":"small","replicas":1,"region":"eu-central-1","resources":{"memory":"256Mi","cpu":"500m"}}`),
			old:    instance(manifestAnd(`{"image":"nginx"}`, record), asStored), manager: "kubectl-edit",
			spec: storedPlain, record: recordPlain,
		},

		"UPDATE by client-side apply of the same manifest: no change": {
			object: instance(manifestAnd(`{"image":"nginx"}`, record), asStored), old: instance(manifestAnd(`{"image":"nginx"}`, record), asStored),
			spec: asStored, record: record,
		},
		"UPDATE by client-side apply that adds an injected field: the user's from now on": {
			object: instance(manifestAnd(`{"image":"nginx","size":"large","region":"us-east-1"}`, record), `{"image":"nginx","size":"large","replicas":1,"region":"us-east-1","resources":{"memory":"256Mi","cpu":"500m"}}`),
			old:    instance(manifestAnd(`{"image":"nginx"}`, record), asStored),
			spec:   `{"image":"nginx","size":"large","replicas":1,"region":"us-east-1","resources":{"memory":"256Mi","cpu":"500m"}}`,
			record: `{"spec.resources.cpu":"defaults"}`,
		},
		"UPDATE by client-side apply that takes the user's field away, and the schema fills it: today's default": {
			object: instance(manifest(`{"image":"nginx"}`), asSent),
			old:    instance(manifest(`{"image":"nginx","size":"medium"}`), `{"image":"nginx","size":"medium","replicas":1,"resources":{"memory":"256Mi"}}`),
			spec:   `{"image":"nginx","size":"large","replicas":1,"resources":{"memory":"256Mi"}}`, record: `{"spec.size":"defaults.payments"}`,
		},
		"UPDATE by client-side apply with null for a field: it stays away": {
			object: instance(manifest(`{"image":"nginx","region":null}`), `{"image":"nginx","size":"small"}`),
			old:    instance(manifest(`{"image":"nginx"}`), `{"image":"nginx","size":"small","region":"us-east-1"}`),
			spec:   `{"image":"nginx","size":"small"}`, record: ``,
		},
		"UPDATE by the same client-side apply with null, after somebody set the field: it stays away": {
			object: instance(manifest(`{"image":"nginx","region":null}`), `{"image":"nginx","size":"small"}`),
			old:    instance(manifest(`{"image":"nginx","region":null}`), `{"image":"nginx","size":"small","region":"us-east-1"}`),
			spec:   `{"image":"nginx","size":"small"}`, record: ``,
		},

		"UPDATE by server-side apply of the same manifest: no change": {
			object: instance(recorded(record)+`,"managedFields":[`+owner+`,`+labeller+`]`, asStored),
			old:    instance(recorded(record)+`,"managedFields":[`+owner+`,`+labeller+`]`, asStored), manager: "argocd",
			spec: asStored, record: record,
		},
		"UPDATE by server-side apply that takes over an injected field with the same value: the user's from now on": {
			object: instance(recorded(record)+`,"managedFields":[`+managed("argocd", "Apply", `"f:image":{},"f:size":{}`)+`]`, asStored),
			old:    instance(recorded(record)+`,"managedFields":[`+owner+`]`, asStored), manager: "argocd",
			spec: asStored, record: recordPlain,
		},
		"UPDATE by server-side apply that gives a field up, and the schema fills it: today's default": {
			object:  instance(`"managedFields":[`+owner+`]`, asSent),
			old:     instance(`"managedFields":[`+managed("argocd", "Apply", `"f:image":{},"f:size":{}`)+`]`, `{"image":"nginx","size":"medium","replicas":1,"resources":{"memory":"256Mi"}}`),
			manager: "argocd",
			spec:    `{"image":"nginx","size":"large","replicas":1,"resources":{"memory":"256Mi"}}`, record: `{"spec.size":"defaults.payments"}`,
		},
		"UPDATE by merge patch of a manager that also applies: what it changes is the user's": {
			object: instance(recorded(record)+`,"managedFields":[`+owner+`,`+managed("argocd", "Update", `"f:size":{}`)+`]`,
				`{"image":"nginx","size":"small","replicas":1,"region":"eu-central-1","resources":{"memory":"256Mi","cpu":"500m"}}`),
			old: instance(recorded(record)+`,"managedFields":[`+owner+`]`, asStored), manager: "argocd",
			spec: storedPlain, record: recordPlain,
		},
		"UPDATE by kro's labeller: nothing changes": {
			object: instance(recorded(record)+`,"managedFields":[`+labeller+`]`, asStored),
			old:    instance(recorded(record), asStored), manager: "kro.run/labeller",
			spec: asStored, record: record,
		},
		"UPDATE by kro's labeller of an instance without defaults: nothing changes": {
			object: instance(`"managedFields":[`+labeller+`]`, asSent),
			old:    instance("", asSent), manager: "kro.run/labeller",
			spec: asSent, record: ``,
		},
		"UPDATE by server-side apply of an object that a plain create owns: no change": {
			object: instance(recorded(recordPlain)+`,"managedFields":[`+managed("kubectl-create", "Update", `"f:image":{},"f:size":{}`)+`,`+owner+`]`, storedPlain),
			old:    instance(recorded(recordPlain)+`,"managedFields":[`+managed("kubectl-create", "Update", `"f:image":{},"f:size":{}`)+`]`, storedPlain), manager: "argocd",
			spec: storedPlain, record: recordPlain,
		},

		"UPDATE with generateName: as any other": {
			object: `{"metadata":{"generateName":"shop-","name":"shop-x7k2p",` + recorded(recordPlain) + `},"spec":{"image":"nginx:2","size":"small"}}`,
			old:    `{"metadata":{"generateName":"shop-","name":"shop-x7k2p",` + recorded(recordPlain) + `},"spec":` + storedPlain + `}`,
			spec:   `{"image":"nginx:2","size":"small","region":"eu-central-1","resources":{"cpu":"500m"}}`, record: recordPlain,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			object, old := injectiontest.Object(t, tt.object), injectiontest.Object(t, tt.old)
			got, result := run(t, o, object, old, tt.manager)
			if diff := cmp.Diff(injectiontest.Object(t, tt.spec), got["spec"]); diff != "" {
				t.Errorf("spec (-want +got):\n%s", diff)
			}
			if tt.record == "" {
				tt.record = "{}"
			}
			if diff := cmp.Diff(tt.record, result.Claims().String()); diff != "" {
				t.Errorf("record (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(injectiontest.Object(t, tt.object), object); diff != "" {
				t.Errorf("the input was modified (-before +after):\n%s", diff)
			}
		})
	}
}
