package seccomp

containers contains container if some container in input.review.object.spec.template.spec.containers

containers contains container if some container in input.review.object.spec.template.spec.initContainers

pod_profile := object.get(input.review.object.spec.template.spec, ["securityContext", "seccompProfile"], {"type": "Unconfined"})

profile(container) := object.get(container, ["securityContext", "seccompProfile"], pod_profile)

allowed(p) if {
	p.type in input.parameters.profiles
	p.type != "Localhost"
}

allowed(p) if {
	p.type == "Localhost"
	p.type in input.parameters.profiles
	p.localhostProfile in input.parameters.files
}

violation contains {"msg": msg} if {
	some container in containers
	p := profile(container)
	not allowed(p)
	msg := sprintf("container %s: seccomp profile %s is none of %v", [container.name, p.type, input.parameters.profiles])
}
