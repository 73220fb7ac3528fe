package runasuser

containers contains container if some container in input.review.object.spec.template.spec.containers

containers contains container if some container in input.review.object.spec.template.spec.initContainers

pod_context := object.get(input.review.object.spec.template.spec, "securityContext", {})

effective(container, field, fallback) := object.get(container, ["securityContext", field], object.get(pod_context, field, fallback))

in_range(id) if {
	some range in input.parameters.ranges
	id >= range.min
	id <= range.max
}

violation contains {"msg": msg} if {
	some container in containers
	not effective(container, "runAsNonRoot", false)
	msg := sprintf("container %s may run as root", [container.name])
}

violation contains {"msg": msg} if {
	some container in containers
	some field in ["runAsUser", "runAsGroup"]
	id := effective(container, field, 0)
	not in_range(id)
	msg := sprintf("container %s: %s is %d, which is in none of the ranges", [container.name, field, id])
}
