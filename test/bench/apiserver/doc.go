// Package apiserver measures at the API server what admission costs: how long a dry-run create of an instance takes without any
// webhook, with a pair of webhooks that do nothing, with kroguard's pair and with ValidatingAdmissionPolicies in the API server
// itself. All are installed at the same time, each for a kind of its own with the same schema, and requests go to each in
// turn: so all are measured on the same API server in the same seconds, and nothing has to be switched in between.
package apiserver

// Size is the number of policies that judge a request.
const Size = 50

// group holds the kinds that are no kro instances: kroguard is not called for them.
const group = "bench.example.com"

// version is that of all kinds.
const version = "v1alpha1"

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
	at := func(name, group, kind, plural string, governed bool) target {
		apiVersion := group + "/" + version
		return target{
			name: name, path: "/apis/" + apiVersion + "/namespaces/" + namespace + "/" + plural,
			apiVersion: apiVersion, kind: kind, governed: governed, webhook: governed && group == "kro.run",
		}
	}
	return []target{
		at("no webhook", group, "Plain", "plains", false),
		at("no-op mutating + validating", group, "Intercepted", "intercepteds", false),
		at("kroguard, 50 guardrails in CEL", "kro.run", "WebApp", "webapps", true),
		at("kroguard, 50 guardrails in Rego", "kro.run", "RegoApp", "regoapps", true),
		at("50 ValidatingAdmissionPolicies", group, "Validated", "validateds", true),
	}
}
