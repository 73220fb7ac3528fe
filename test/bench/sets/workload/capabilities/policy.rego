package capabilities

containers contains container if some container in input.review.object.spec.template.spec.containers

containers contains container if some container in input.review.object.spec.template.spec.initContainers

added(container) := object.get(container, ["securityContext", "capabilities", "add"], [])

dropped(container) := object.get(container, ["securityContext", "capabilities", "drop"], [])

violation contains {"msg": msg} if {
	some container in containers
	excess := {c | some c in added(container)} - {c | some c in input.parameters.allowed}
	count(excess) > 0
	msg := sprintf("container %s adds capabilities %v; allowed are %v", [container.name, excess, input.parameters.allowed])
}

violation contains {"msg": msg} if {
	some container in containers
	missing := {c | some c in input.parameters.requiredDrop} - {c | some c in dropped(container)}
	count(missing) > 0
	msg := sprintf("container %s must drop capabilities %v", [container.name, missing])
}
