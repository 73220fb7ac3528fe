package ingresshosts

allowed(host) if {
	some suffix in input.parameters.suffixes
	endswith(host, suffix)
}

violation contains {"msg": msg} if {
	input.review.object.spec.ingress.enabled
	some host in input.review.object.spec.ingress.hosts
	not allowed(host.name)
	msg := sprintf("host %q is outside of %v", [host.name, input.parameters.suffixes])
}

violation contains {"msg": msg} if {
	ingress := input.review.object.spec.ingress
	ingress.enabled
	not ingress.tls.issuer in input.parameters.issuers
	msg := sprintf("the ingress needs TLS by one of %s", [concat(", ", input.parameters.issuers)])
}
