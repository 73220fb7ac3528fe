package escalation

containers contains container if some container in input.review.object.spec.template.spec.containers

containers contains container if some container in input.review.object.spec.template.spec.initContainers

exempt(container) if {
	some prefix in input.parameters.exempt
	startswith(container.image, prefix)
}

violation contains {"msg": msg} if {
	some container in containers
	not exempt(container)
	object.get(container, ["securityContext", "privileged"], false)
	msg := sprintf("container %s is privileged", [container.name])
}

violation contains {"msg": msg} if {
	some container in containers
	not exempt(container)
	object.get(container, ["securityContext", "allowPrivilegeEscalation"], true)
	msg := sprintf("container %s allows privilege escalation", [container.name])
}
