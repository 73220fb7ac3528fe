package ports

violation contains {"msg": msg} if {
	some port in input.review.object.spec.ports
	port.port < 1024
	not port.port in input.parameters.privileged
	msg := sprintf("port %d is privileged", [port.port])
}

violation contains {"msg": msg} if {
	some port in input.review.object.spec.ports
	port.port > input.parameters.max
	msg := sprintf("port %d is above %d", [port.port, input.parameters.max])
}

violation contains {"msg": msg} if {
	some i, first in input.review.object.spec.ports
	some j, second in input.review.object.spec.ports
	i < j
	first.name == second.name
	msg := sprintf("two ports are called %q", [first.name])
}
