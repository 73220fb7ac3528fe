// Package apiserver measures at the API server what admission costs: how long a dry-run create of an instance takes without any
// webhook, with a pair of webhooks that do nothing, with kroguard's pair and with ValidatingAdmissionPolicies in the API server
// itself. All are installed at the same time, each for a kind of its own with the same schema, and requests go to each in
// turn: so all are measured on the same API server in the same seconds, and nothing has to be switched in between.
package apiserver

// Size is the number of policies that judge a request.
const Size = 50

// group holds the kinds that are no kro instances: kroguard is not called for them.
const group = "bench.example.com"

// target is a kind to create.
type target struct {
	// name is that of the row.
	name string
	// path is where the API server keeps the kind.
	path string
	// apiVersion and kind are the object's.
	apiVersion, kind string
	// governed says that policies judge the kind.
	governed bool
	// webhook says that kroguard is called.
	webhook bool
}

const namespace = "payments-prod"

func targets() []target {
	at := func(name, group, version, kind, plural string, governed bool) target {
		return target{
			name: name, path: "/apis/" + group + "/" + version + "/namespaces/" + namespace + "/" + plural,
			apiVersion: group + "/" + version, kind: kind, governed: governed, webhook: governed && group == "kro.run",
		}
	}
	return []target{
		at("no webhook", group, "v1alpha1", "Plain", "plains", false),
		at("no-op mutating + validating", group, "v1alpha1", "Intercepted", "intercepteds", false),
		at("kroguard, 50 guardrails in CEL", "kro.run", "v1alpha1", "WebApp", "webapps", true),
		at("kroguard, 50 guardrails in Rego", "kro.run", "v1alpha1", "RegoApp", "regoapps", true),
		at("50 ValidatingAdmissionPolicies", group, "v1alpha1", "Validated", "validateds", true),
	}
}
