package hostnamespaces

containers contains container if some container in input.review.object.spec.template.spec.containers

containers contains container if some container in input.review.object.spec.template.spec.initContainers

violation contains {"msg": msg} if {
	some field in ["hostPID", "hostIPC", "hostNetwork"]
	input.review.object.spec.template.spec[field]
	msg := sprintf("%s is not allowed", [field])
}

violation contains {"msg": msg} if {
	some container in containers
	some port in container.ports
	port.hostPort
	not within(port.hostPort)
	msg := sprintf("container %s: host port %d is not from %d to %d",
		[container.name, port.hostPort, input.parameters.min, input.parameters.max])
}

within(port) if {
	port >= input.parameters.min
	port <= input.parameters.max
}
