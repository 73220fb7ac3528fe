package resources

containers contains container if some container in input.review.object.spec.template.spec.containers

containers contains container if some container in input.review.object.spec.template.spec.initContainers

millis(cpu) := to_number(trim_suffix(cpu, "m")) if endswith(cpu, "m")

millis(cpu) := to_number(cpu) * 1000 if not endswith(cpu, "m")

violation contains {"msg": msg} if {
	some container in containers
	some kind in ["requests", "limits"]
	some name in ["cpu", "memory"]
	not container.resources[kind][name]
	msg := sprintf("container %s has no %s.%s", [container.name, kind, name])
}

violation contains {"msg": msg} if {
	some container in containers
	units.parse_bytes(container.resources.limits.memory) > units.parse_bytes(input.parameters.maxMemory)
	msg := sprintf("container %s may use memory %s; at most %s",
		[container.name, container.resources.limits.memory, input.parameters.maxMemory])
}

violation contains {"msg": msg} if {
	some container in containers
	millis(container.resources.limits.cpu) > input.parameters.maxCPUMillis
	msg := sprintf("container %s may use %s CPU; at most %dm",
		[container.name, container.resources.limits.cpu, input.parameters.maxCPUMillis])
}

violation contains {"msg": msg} if {
	some container in containers
	requested := units.parse_bytes(container.resources.requests.memory)
	units.parse_bytes(container.resources.limits.memory) > requested * input.parameters.ratio
	msg := sprintf("container %s: the memory limit is more than %d times the request", [container.name, input.parameters.ratio])
}
