package probes

typed(probe) if {
	some kind in input.parameters.types
	probe[kind]
}

violation contains {"msg": msg} if {
	some container in input.review.object.spec.template.spec.containers
	some name in input.parameters.probes
	not container[name]
	msg := sprintf("container %s has no %s", [container.name, name])
}

violation contains {"msg": msg} if {
	some container in input.review.object.spec.template.spec.containers
	some name in input.parameters.probes
	probe := container[name]
	not typed(probe)
	msg := sprintf("%s of container %s is none of %v", [name, container.name, input.parameters.types])
}

violation contains {"msg": msg} if {
	some container in input.review.object.spec.template.spec.containers
	some name in input.parameters.probes
	object.get(container, [name, "periodSeconds"], 10) > input.parameters.maxPeriodSeconds
	msg := sprintf("%s of container %s runs too seldom", [name, container.name])
}
