package readonlyroot

containers contains container if some container in input.review.object.spec.template.spec.containers

containers contains container if some container in input.review.object.spec.template.spec.initContainers

exempt(image) if {
	some prefix in input.parameters.exempt
	startswith(image, prefix)
}

violation contains {"msg": msg} if {
	some container in containers
	not exempt(container.image)
	not object.get(container, ["securityContext", "readOnlyRootFilesystem"], false)
	msg := sprintf("container %s has a writable root file system", [container.name])
}
